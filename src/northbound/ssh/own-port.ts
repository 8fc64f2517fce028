import type { Connection, ServerChannel } from 'ssh2'
import { ownPortsOn } from '../../access/authz/own-ports.js'
import type { LiveRights } from '../../access/authz/live-rights.js'
import type { RightEnd } from '../../access/authz/right-end.js'
import type { AuditLog } from '../../audit/audit-log.js'
import type { SessionAudit } from '../../audit/session-audit.js'
import type { Fleet, SessionOpening } from '../../fleet/fleet.js'
import { letGoOfChannel } from '../../fleet/let-go-of-channel.js'
import { rightEnd } from '../../fleet/refusals/session-ends.js'
import { type SessionRefusal, sessionRefusal } from '../../fleet/refusals/sessions.js'
import type { SessionClient } from '../../fleet/session-client.js'
import { onFirstClose } from '../../lib/first-close.js'
import type { Refusal } from '../../lib/refusal.js'
import { settled } from '../../lib/settled.js'
import type { AgreedKeyExchange } from '../../ssh/post-quantum.js'
import { type OpenFailure, whenClosing } from '../../ssh/ssh2/channels.js'
import { governFlow } from '../../ssh/ssh2/flow-control.js'
import type { Log } from '../../telemetry/log.js'
import type { ClientMetrics } from '../../telemetry/metrics.js'
import type { Accounts, Authorisation } from '../authorise.js'
import type { Authenticated } from './authentication.js'
import { keyForNetconf } from './channel-refusal.js'
import type { RefusalLines } from './refusal-lines.js'
import { type PortRelayEnd, relayPort } from '../../relay/relay-port.js'

/** Whom connections to own ports of devices are for, and what they are served with. */
export interface OwnPortServices {
  readonly fleet: Pick<Fleet, 'openSession'>
  readonly accounts: Accounts
  readonly client: SessionClient
  readonly keyExchange: () => AgreedKeyExchange | undefined
  readonly login: Pick<Authenticated, 'method' | 'restriction' | 'ended' | 'until'>
  readonly auditLog: AuditLog
  readonly live: LiveRights
  readonly refusalLines: RefusalLines
  readonly log: Log
  readonly metrics: Pick<ClientMetrics, 'sessionRefused'>
  /** Whether the user has rights on a device; its rights on the ports come after. */
  readonly authorise: (deviceId: string) => Promise<Authorisation>
}

/** A client's wish for a port of a device's own, on which it has rights. */
export interface AskedPort {
  readonly connection: Connection
  readonly deviceId: string
  readonly port: number
  readonly accept: () => ServerChannel | undefined
  readonly refuse: (failure: OpenFailure, refusal: SessionRefusal) => void
}

/**
 * Connects a client to a port of a device's own, past the bridge: `ssh -J bridge user@self.router1`, `-L` and `-W`. The
 * device itself makes the connection, on its loopback; the client's words go no further than the device's id and a
 * port that a role names. Settles once the connection is over.
 */
export async function serveOwnPort(asked: AskedPort, services: OwnPortServices): Promise<void> {
  const { connection, deviceId, port, accept, refuse } = asked
  const { fleet, client, keyExchange, login, auditLog, metrics } = services
  const reject = (refusal: SessionRefusal): void => {
    notePortRefused({ deviceId, port }, refusal, services)
    refuse(FAILURES[refusal.reason] ?? 'prohibited', refusal)
  }
  const decision = await decide(asked, services)
  if ('refusal' in decision) {
    metrics.sessionRefused(decision.refusal.reason)
    return reject(decision.refusal)
  }
  const cancel = new AbortController()
  const lost = (): void => cancel.abort()
  connection.once('close', lost)
  const exchange = keyExchange()
  const opening = await fleet.openSession(
    {
      deviceId,
      client,
      request: { kind: 'tcp', port },
      ...(exchange === undefined ? {} : { keyExchange: exchange }),
    },
    cancel.signal,
  )
  connection.off('close', lost)
  if (!opening.ok) return reject(opening.refusal)
  const audited = auditLog.session({
    ...client,
    deviceId,
    sessionId: opening.session.id,
    channel: 'tcp',
    request: String(port),
    roles: decision.roles,
    method: login.method,
  })
  if (!audited.ok) {
    letGoOfChannel(opening.channel)
    return reject(audited.refusal)
  }
  const channel = cancel.signal.aborted ? undefined : accept()
  if (channel === undefined) {
    letGoOfChannel(opening.channel)
    return audited.audit.end('client')
  }
  await carry(asked, { ...opening, client: channel, audit: audited.audit }, services)
}

/**
 * Logs that a client may not reach a port of a device's own, and writes it into the audit log.
 * @param asked.deviceId where there is no such device, what was asked for
 */
export function notePortRefused(
  { deviceId, port }: Pick<AskedPort, 'deviceId' | 'port'>,
  { reason, message, hint }: Refusal,
  { auditLog, client, login, log, refusalLines }: OwnPortServices,
): void {
  const { user } = client
  refusalLines(log, { what: 'port refused', user, reason, message, hint, fields: { deviceId, port } })
  const request = { channel: 'tcp', request: String(port) } as const
  auditLog.refused({ ...client, deviceId, method: login.method, ...request }, reason)
}

/** What a client's program is told, of the few kinds that SSH has (RFC 4254 §5.1); the words say the rest. */
const FAILURES: Readonly<Partial<Record<SessionRefusal['reason'], OpenFailure>>> = {
  'forwarding-unknown': 'unknown-type',
  'port-closed': 'connect-failed',
  'not-connected': 'connect-failed',
  'node-unreachable': 'connect-failed',
  'refused-at-node': 'connect-failed',
  'channel-unanswered': 'connect-failed',
  'too-many-forwards': 'shortage',
  'too-many-forwards-of-user': 'shortage',
}

type Decision = { readonly roles: readonly string[] } | { readonly refusal: SessionRefusal }

/** Whether the user may reach the port of a device, by the rights of now. */
async function decide(
  { deviceId, port }: Pick<AskedPort, 'deviceId' | 'port'>,
  { accounts, client: { user }, login, authorise, auditLog }: OwnPortServices,
): Promise<Decision> {
  const end = login.ended()
  if (end !== undefined) return { refusal: end }
  const authorisation = await authorise(deviceId)
  if (!authorisation.allowed) return authorisation
  if (login.restriction.netconfOnly) return { refusal: keyForNetconf }
  const account = accounts.find(user)
  const { roles, ports, underRules } =
    account === undefined ? NOTHING : ownPortsOn(account, accounts.roles(), authorisation.device)
  if (!ports.includes(port))
    return { refusal: sessionRefusal('port-not-allowed', port, { user, deviceId, roles, ports }) }
  if (underRules) return { refusal: sessionRefusal('port-under-rules', user, deviceId) }
  const notAudited = auditLog.refusal()
  return notAudited === undefined ? { roles } : { refusal: notAudited }
}

const NOTHING: ReturnType<typeof ownPortsOn> = { roles: [], ports: [], underRules: false }

/** A connection that is open on both sides. */
interface Carried extends Extract<SessionOpening, { readonly ok: true }> {
  readonly client: ServerChannel
  readonly audit: SessionAudit
}

/** Relays until either side closes, somebody kills it, or its client loses the right to it; and tells how it ended. */
async function carry(
  { connection, deviceId, port }: AskedPort,
  { channel: device, session, client, audit }: Carried,
  services: OwnPortServices,
): Promise<void> {
  const { login, live } = services
  governFlow(client)
  client.on('error', (error: Error) => services.log.debug({ err: error }, 'client channel failed'))
  device.stream.on('error', (error: Error) => services.log.debug({ err: error }, 'device channel failed'))
  const shown = { sessionId: session.id, deviceId, channel: 'tcp', port }
  const began = Date.now()
  services.log.info(shown, 'session opened')
  const rightEnded = settled<RightEnd>()
  const release = live.watch({
    check: async () => {
      const decision = await decide({ deviceId, port }, services)
      // That lines cannot be written ends nothing that has begun.
      if (!('refusal' in decision) || decision.refusal.reason === 'record-not-written') return undefined
      const { message, hint } = decision.refusal
      return login.ended() ?? rightEnd('no-rights', message, hint)
    },
    until: login.until,
    end: rightEnded.settle,
  })
  const clientGone = Promise.race([
    whenClosing(client),
    new Promise<void>((resolve) => onFirstClose([client, connection], resolve)),
  ])
  const end = await relayPort({
    client,
    device,
    session: { ...session, rightEnded: rightEnded.promise },
    audit,
    clientGone,
  }).finally(release)
  audit.end(end.by)
  logEnd(services.log, { ...shown, began, bytes: session.bytes }, end)
}

function logEnd(
  log: Log,
  {
    began,
    bytes,
    ...shown
  }: { readonly began: number; readonly bytes: { readonly fromClient: number; readonly fromDevice: number } },
  { by, why, killedBy, linkEnd }: PortRelayEnd,
): void {
  if (why !== undefined) log.warn({ ...shown, reason: why.reason, hint: why.hint }, `session ended: ${why.message}`)
  log.info(
    {
      ...shown,
      endedBy: by,
      ...(killedBy === undefined ? {} : { killedBy }),
      ...(linkEnd === undefined ? {} : { linkEnd: linkEnd.reason }),
      bytesFromClient: bytes.fromClient,
      bytesFromDevice: bytes.fromDevice,
      durationSeconds: (Date.now() - began) / 1000,
    },
    'session closed',
  )
}
