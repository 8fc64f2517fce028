import type { Connection, ServerChannel, Session } from 'ssh2'
import type { Fleet } from '../../fleet/fleet.js'
import type { ChannelRequest } from '../../fleet/link.js'
import type { SessionClient } from '../../fleet/session-client.js'
import { governFlow, type HeldChannel, holdAnswer, sendEof, sendExit } from '../../ssh/ssh2-internals.js'
import type { Log } from '../../telemetry/log.js'
import type { ClientMetrics } from '../../telemetry/metrics.js'
import type { Authorisation, SessionRefusalText } from '../authorise.js'
import { netconfRequest } from './channel-request.js'
import { relay } from './relay.js'

/** Whom a session is for, once authentication and the rights on the device were decided. */
export interface SessionContext {
  readonly fleet: Fleet
  readonly deviceId: string
  readonly client: SessionClient
  /** What this user may do on this device, asked anew for each session. */
  readonly authorise: () => Promise<Authorisation>
  readonly log: Log
  readonly metrics: Pick<ClientMetrics, 'sessionRefused'>
}

/** The exit status of a session that the bridge itself refuses. */
const refusedStatus = 1

/**
 * Serves one session channel of a client: takes its request for NETCONF, opens a channel for it on the device's link, and relays.
 * `done` is called once, when the client's channel is closed.
 */
export function serveSession(
  connection: Connection,
  session: Session,
  context: SessionContext,
  done: () => void,
): void {
  const clientGone = closeOf(session, connection)
  void clientGone.then(done)

  session.on('env', (accept) => accept?.())
  session.on('subsystem', (accept, _reject, { name }) => {
    void begin(accept, { kind: 'subsystem', name })
  })
  session.on('exec', (accept, _reject, { command }) => {
    void begin(accept, { kind: 'exec', command })
  })
  session.on('shell', (accept) => {
    const held = take(accept)
    if (held !== undefined) void refuse(held, { reason: 'not-netconf', ...shellsAreNotServed })
  })

  const take = (accept: () => ServerChannel): HeldChannel | undefined => {
    const held = holdAnswer(connection, accept)
    held?.channel.on('error', (error: Error) => context.log.debug({ err: error }, 'client channel failed'))
    if (held !== undefined) governFlow(held.channel)
    return held
  }
  /** Turns a client away before the fleet was asked. */
  const refuse = (held: HeldChannel, refusal: SessionRefusalText): Promise<void> => {
    context.metrics.sessionRefused(refusal.reason)
    return turnAway(held, refusal, context, clientGone)
  }
  const begin = async (accept: () => ServerChannel, asked: ChannelRequest): Promise<void> => {
    const held = take(accept)
    if (held === undefined) return
    const request = netconfRequest(asked)
    if (request === undefined) return refuse(held, notNetconf(asked))
    const authorisation = await context.authorise()
    if (!authorisation.allowed) return refuse(held, authorisation.refusal)
    if (authorisation.permission.operations.kind === 'rules') return refuse(held, noRulesYet)
    await runSession(held, request, context, clientGone)
  }
}

/** Settles when the client closed its channel or its connection was lost; nothing is left on the connection then. */
function closeOf(session: Session, connection: Connection): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      session.off('close', settle)
      connection.off('close', settle)
      resolve()
    }
    session.once('close', settle)
    connection.once('close', settle)
  })
}

async function runSession(
  held: HeldChannel,
  request: ChannelRequest,
  context: SessionContext,
  clientGone: Promise<void>,
): Promise<void> {
  const { fleet, deviceId, client, log } = context
  const cancel = new AbortController()
  void clientGone.then(() => cancel.abort())
  const opening = await fleet.openSession(deviceId, request, client, cancel.signal)
  if (!opening.ok) {
    // What the device itself refuses is refused to the client alike: ncclient then asks for the Junos command.
    if (opening.refusal.reason === 'refused-by-device') {
      log.info({ reason: opening.refusal.reason }, `session refused: ${opening.refusal.message}`)
      held.channel.resume()
      return held.refuse()
    }
    return turnAway(held, opening.refusal, context, clientGone)
  }
  const began = Date.now()
  const { session } = opening
  held.confirm()
  log.info(
    { sessionId: session.id, request: request.kind === 'subsystem' ? request.name : request.command },
    'session opened',
  )
  opening.channel.stream.on('error', (error: Error) => log.debug({ err: error }, 'device channel failed'))
  const end = await relay(held.channel, opening.channel, session, clientGone, {
    linkEnded: ({ message }) => `homeport: the link to ${JSON.stringify(deviceId)} ended: ${message}\n`,
    killed: (by) => `homeport: session killed by ${by}\n`,
  })
  log.info(
    {
      sessionId: session.id,
      endedBy: end.by,
      ...(end.killedBy === undefined ? {} : { killedBy: end.killedBy }),
      ...(end.exit === undefined ? {} : { exit: end.exit }),
      ...(end.linkEnd === undefined ? {} : { linkEnd: end.linkEnd.reason }),
      bytesFromClient: end.fromClient,
      bytesFromDevice: end.fromDevice,
      durationSeconds: (Date.now() - began) / 1000,
    },
    'session closed',
  )
}

/** Tells a client why it gets no session: one line on standard error and an exit status. */
async function turnAway(
  held: HeldChannel,
  refusal: SessionRefusalText,
  { log }: SessionContext,
  clientGone: Promise<void>,
): Promise<void> {
  const { channel } = held
  log.warn({ reason: refusal.reason, hint: refusal.hint }, `session refused: ${refusal.message}`)
  held.confirm()
  channel.resume()
  const told = new Promise<void>((resolve) => {
    channel.stderr.write(`homeport: ${refusal.message}; ${refusal.hint}\n`, () => resolve())
  })
  await Promise.race([told, clientGone])
  sendExit(channel, { status: refusedStatus })
  sendEof(channel)
  channel.close()
}

function notNetconf(asked: ChannelRequest): SessionRefusalText {
  const what = asked.kind === 'subsystem' ? `subsystem ${JSON.stringify(asked.name)}` : 'this command'
  return { reason: 'not-netconf', message: `${what} is not served here, only NETCONF is`, hint: netconfHint }
}

const noRulesYet = {
  reason: 'no-rights',
  message: 'the roles here have rules on operations, which are not enforced over SSH',
  hint: 'ask for a role with operations: ["*"]',
}

const netconfHint = 'ask for the subsystem netconf, as in `ssh -s … netconf`'

const shellsAreNotServed = { message: 'there is no shell here, only NETCONF', hint: netconfHint }
