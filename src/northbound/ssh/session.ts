import { inBackground } from '../../lib/background.js'
import type { Connection, ServerChannel, Session } from 'ssh2'
import type { LiveRights } from '../../access/authz/live-rights.js'
import type { RightEnd } from '../../access/authz/right-end.js'
import type { AuditLog } from '../../audit/audit-log.js'
import type { SessionAudit } from '../../audit/session-audit.js'
import { letGoOfChannel } from '../../fleet/let-go-of-channel.js'
import type { Fleet, SessionOpening } from '../../fleet/fleet.js'
import type { DeviceChannel } from '../../fleet/link.js'
import type { SessionChannelRequest, SessionPurpose } from '../../ssh/session-channel.js'
import type { SessionClient } from '../../fleet/session-client.js'
import { rightEnd } from '../../fleet/refusals/session-ends.js'
import { type SessionRefusal, sessionRefusal } from '../../fleet/refusals/sessions.js'
import { type SessionHandle, STOPPING_BRIDGE } from '../../fleet/session-register.js'
import { describeRequest } from '../../fleet/describe-request.js'
import { onFirstClose } from '../../lib/first-close.js'
import { settled } from '../../lib/settled.js'
import type { AgreedKeyExchange } from '../../ssh/post-quantum.js'
import { governFlow } from '../../ssh/ssh2/flow-control.js'
import { type HeldChannel, holdAnswer, sendEof, sendExit } from '../../ssh/ssh2/channels.js'
import { socketOf } from '../../ssh/ssh2/connections.js'
import type { Log } from '../../telemetry/log.js'
import type { ClientMetrics } from '../../telemetry/metrics.js'
import type { CurrentTracer, Span } from '../../telemetry/traces.js'
import { accountChanged, accountOf, type Authorisation, rightLostBy } from '../authorise.js'
import { traceOpening } from '../../rpc/trace-opening.js'
import { traceRpc } from '../../rpc/trace-rpc.js'
import type { Authenticated } from './authentication.js'
import { keyForNetconf, channelNotAllowed, REPLACEMENT_CHARACTER, unknownSubsystem } from './channel-refusal.js'
import { type ChannelUse, channelUse } from './channel-request.js'
import type { LoginRestriction } from './login-restriction.js'
import { type CutShort, type Farewell, relay, type RelayEnd } from '../../relay/relay.js'
import type { RefusalLines } from './refusal-lines.js'
import type { RefusalsInNetconf } from './refusals-in-netconf.js'
import type { StartGuard } from '../../relay/relay-guard.js'
import { type GuardContext, guardOf } from './guard/session-guard.js'
import { gatherEnvironment, type SessionEnvironment } from './terminal.js'

/** The client of a session: an authenticated user with rights on the device. */
export interface SessionContext {
  readonly fleet: Fleet
  readonly deviceId: string
  readonly client: SessionClient
  /** How the keys of the client's connection were last exchanged. */
  readonly keyExchange: () => AgreedKeyExchange | undefined
  readonly restriction: LoginRestriction
  /** How the client proved to be the user. */
  readonly method: Authenticated['method']
  readonly auditLog: AuditLog
  /** What the user may do on the device. It is asked again for each session. */
  readonly authorise: () => Promise<Authorisation>
  /** Why the login is not valid any more; undefined while it is. */
  readonly ended: () => RightEnd | undefined
  /** When the login expires, as with a certificate. */
  readonly until: Date | undefined
  readonly live: LiveRights
  /** How rules on operations are enforced. */
  readonly rules: GuardContext
  readonly refusalLines: RefusalLines
  /** Tells refusals on NETCONF channels in NETCONF, too; undefined where that is switched off. */
  readonly refusalsInNetconf: RefusalsInNetconf | undefined
  readonly log: Log
  readonly metrics: Pick<ClientMetrics, 'sessionRefused'>
  /** Traces sessions, where there is one. */
  readonly tracer: CurrentTracer
}

/** The exit status of a session that the bridge itself refuses. */
const REFUSED_STATUS = 1

/** A client's channel with its request, whose answer is held until the device has answered. */
interface Asked {
  readonly held: HeldChannel
  readonly request: SessionChannelRequest
  readonly sessionEnvironment: SessionEnvironment
  readonly clientGone: Promise<void>
  /** Of the session, where traces are switched on. */
  readonly span: Span | undefined
}

/**
 * Serves one session channel of a client: takes the request for what it is to be, opens a channel for the same on the
 * device's link, and relays. `done` is called once, when the client's channel is closed.
 */
export function serveSession(
  { connection, session }: { readonly connection: Connection; readonly session: Session },
  context: SessionContext,
  done: () => void,
): void {
  const clientGone = closeOf(session, connection)
  inBackground('client', clientGone.then(done))

  const sessionEnvironment = gatherEnvironment(connection, session, () => mayHaveTerminal(context))
  const start = (accept: () => ServerChannel, purpose: SessionPurpose): void =>
    inBackground('session', begin(accept, purpose), () => socketOf(connection).destroy())
  session.on('subsystem', (accept, _reject, { name }) => start(accept, { kind: 'subsystem', name }))
  session.on('exec', (accept, _reject, { command }) => start(accept, { kind: 'exec', command }))
  session.on('shell', (accept) => start(accept, { kind: 'shell' }))

  const begin = async (accept: () => ServerChannel, purpose: SessionPurpose): Promise<void> => {
    const held = holdAnswer(connection, accept)
    if (held === undefined) return
    const span = beginSpan(context)
    held.channel.on('error', (error: Error) => context.log.debug({ err: error }, 'client channel failed'))
    governFlow(held.channel)
    const terminal = await sessionEnvironment.terminal()
    const request = { ...purpose, ...(terminal === undefined ? {} : { terminal }) }
    const asked: Asked = { held, request, sessionEnvironment, clientGone, span }
    const decision = await decide(purpose, context)
    if ('refusal' in decision) {
      // What the fleet refuses it counts itself.
      context.metrics.sessionRefused(decision.refusal.reason)
      return rejectSession(asked, decision.refusal, context)
    }
    await runSession(asked, decision, context)
  }
}

function beginSpan({ tracer, client: { user, via }, deviceId }: SessionContext): Span | undefined {
  return tracer()?.start('session', {
    kind: 'server',
    attributes: { 'homeport.device.id': deviceId, 'homeport.user': user, 'homeport.via': via },
  })
}

/** Whether the user may have a kind of session on the device that runs on a terminal. */
async function mayHaveTerminal({ authorise, restriction }: SessionContext): Promise<boolean> {
  const authorisation = await authorise()
  if (!authorisation.allowed || restriction.noTerminal || restriction.netconfOnly) return false
  const { channels } = authorisation.permission
  return channels.has('shell') || channels.has('exec')
}

/** The session that a client gets, and the roles that give it. */
interface Allowed {
  readonly use: ChannelUse
  readonly roles: readonly string[]
  /** The account of the device that it has to be on; any where absent. */
  readonly account?: string
  /** Checks the client's requests, where rules on operations apply. */
  readonly guard?: StartGuard
}

/** Whether the bridge allows a client the session that it asks for. The device may still refuse it. */
async function decide(
  purpose: SessionPurpose,
  { authorise, restriction, auditLog, rules, client, deviceId, log }: SessionContext,
): Promise<Allowed | { readonly refusal: SessionRefusal }> {
  const authorisation = await authorise()
  if (!authorisation.allowed) return authorisation
  const { permission } = authorisation
  const use = channelUse(purpose)
  if (use === undefined) return { refusal: unknownSubsystem(purpose) }
  if (!use.allowedBy.some((kind) => permission.channels.has(kind)))
    return { refusal: channelNotAllowed(purpose, use, { permission, user: client.user, deviceId }) }
  if (restriction.netconfOnly && use.kind !== 'netconf') return { refusal: keyForNetconf }
  if (purpose.kind === 'exec' && purpose.command.includes(REPLACEMENT_CHARACTER))
    return { refusal: sessionRefusal('command-not-utf-8') }
  const notAudited = auditLog.refusal()
  if (notAudited !== undefined) return { refusal: notAudited }
  const guard = use.kind === 'netconf' ? guardOf(permission, authorisation.device, { ...rules, log }) : undefined
  const on = accountOf(permission, use.allowedBy, { user: client.user, deviceId })
  if (!on.ok) return on
  return {
    use,
    roles: permission.roles,
    ...(on.account === undefined ? {} : { account: on.account }),
    ...(guard === undefined ? {} : { guard }),
  }
}

/** Settles when the client closed its channel or its connection was lost; nothing is left on the connection then. */
function closeOf(session: Session, connection: Connection): Promise<void> {
  return new Promise((resolve) => onFirstClose([session, connection], resolve))
}

/** Opens the channel on the device's link that the client asked for, relays between the two, and tells how it ended. */
async function runSession(asked: Asked, allowed: Allowed, context: SessionContext): Promise<void> {
  const { held, request, span } = asked
  const opening = await openOnDevice(asked, allowed, context)
  if (!opening.ok) {
    // The bridge refuses the client in the way that the device did. ncclient then asks for the Junos command instead.
    if (opening.refusal.reason === 'refused-by-device') return passOnRefusal(asked, opening.refusal, context)
    return rejectSession(asked, opening.refusal, context)
  }
  const { channel, session } = opening
  const shown = { sessionId: session.id, channel: allowed.use.kind, request: describeRequest(request) }
  const { client, deviceId, method, log } = context
  const audited = context.auditLog.session(
    { ...client, deviceId, ...shown, ...auditedRequest(request), roles: allowed.roles, method },
    span?.recorded === true ? (rpc, endedAt) => traceRpc(span, rpc, endedAt) : undefined,
  )
  if (!audited.ok) {
    letGoOfChannel(channel)
    return rejectSession(asked, audited.refusal, context)
  }
  const { audit } = audited
  if (audit.atRest !== undefined) session.restsWhen(audit.atRest)
  if (audit.awaitsReply !== undefined) channel.awaitReply?.(audit.awaitsReply)
  const began = Date.now()
  held.confirm()
  log.info(shown, 'session opened')
  const end = await relayUntilEnd(asked, { ...allowed, channel, session, audit }, context)
  audit.end(end.by)
  endTrace(span, shown, end)
  logEnd(log, { ...shown, began }, end)
}

async function openOnDevice(
  { request, sessionEnvironment, clientGone, span }: Asked,
  { use, account }: Allowed,
  { fleet, deviceId, client, keyExchange }: SessionContext,
): Promise<SessionOpening> {
  const cancel = new AbortController()
  inBackground(
    'session',
    clientGone.then(() => cancel.abort()),
  )
  // A client may send `LANG` and a terminal type with any session. NETCONF needs neither, so the device gets neither.
  const environment = use.kind === 'netconf' ? [] : sessionEnvironment.environment
  span?.rename(`${use.kind} session`)
  const exchange = keyExchange()
  const wanted = {
    deviceId,
    client,
    ...(account === undefined ? {} : { account }),
    ...(exchange === undefined ? {} : { keyExchange: exchange }),
  }
  const open = () => fleet.openSession({ ...wanted, request: { ...request, environment } }, cancel.signal)
  const whyNot = (one: Awaited<ReturnType<typeof open>>) => (one.ok ? undefined : one.refusal.reason)
  return traceOpening(span, { deviceId, client }, { open, whyNot })
}

/** A session whose channel on the device is open. */
interface Opened extends Allowed {
  readonly channel: DeviceChannel
  readonly session: SessionHandle
  readonly audit: SessionAudit
}

/** Relays until either side closes, somebody kills the session, or its client loses the right to it. */
function relayUntilEnd(asked: Asked, opened: Opened, context: SessionContext): Promise<RelayEnd> {
  const { held, request, sessionEnvironment, clientGone } = asked
  const { channel, session, audit, use, guard, account } = opened
  channel.stream.on('error', (error: Error) => context.log.debug({ err: error }, 'device channel failed'))
  if (use.kind !== 'netconf' || request.terminal !== undefined) sessionEnvironment.follow(channel)
  if (channel.terminalRefused) held.channel.stderr.write('homeport: the device gave no terminal\r\n')
  const rightEnded = settled<RightEnd>()
  const release = context.live.watch({
    check: () => rightTo({ request, use, guard, account }, context),
    until: context.until,
    end: rightEnded.settle,
  })
  return relay({
    client: held.channel,
    device: channel,
    session: { ...session, rightEnded: rightEnded.promise },
    audit,
    clientGone,
    farewell: farewellTo(request, context.deviceId),
    startGuard: guard,
  }).finally(release)
}

/** What a client is told at the end of a session that neither it nor its device has ended. */
function farewellTo(request: SessionChannelRequest, deviceId: string): (cut: CutShort) => Farewell {
  return (cut) => ({ words: `homeport: ${whyCutShort(cut, deviceId)}${lineEnd(request)}`, exit: { status: 1 } })
}

function whyCutShort(cut: CutShort, deviceId: string): string {
  if (cut.by === 'link') return `the link to ${JSON.stringify(deviceId)} ended: ${cut.linkEnd.message}`
  if (cut.by === 'operator')
    return cut.killedBy === STOPPING_BRIDGE
      ? 'session ended: the bridge is stopping'
      : `session killed by ${cut.killedBy}`
  const { message, hint } = cut.by === 'rights' ? cut.why : cut.violation
  return `session ended: ${message}; ${hint}`
}

/** The fields that name a session in log and trace. */
interface ShownSession {
  readonly sessionId: string
  readonly channel: ChannelUse['kind']
}

function endTrace(span: Span | undefined, { sessionId, channel }: ShownSession, end: RelayEnd): void {
  span?.set({
    'homeport.session.id': sessionId,
    'homeport.session.channel': channel,
    'homeport.session.ended_by': end.by,
  })
  if (end.by === 'link' || end.by === 'guard') span?.fail(end.violation?.reason ?? end.linkEnd?.reason ?? end.by)
  span?.end()
}

function logEnd(
  log: Log,
  { sessionId, channel, began }: ShownSession & { readonly began: number },
  { by, why, violation, killedBy, exit, linkEnd, fromClient, fromDevice }: RelayEnd,
): void {
  for (const ending of [why, violation])
    if (ending !== undefined)
      log.warn({ sessionId, channel, reason: ending.reason, hint: ending.hint }, `session ended: ${ending.message}`)
  log.info(
    {
      sessionId,
      channel,
      endedBy: by,
      ...(killedBy === undefined ? {} : { killedBy }),
      ...(exit === undefined ? {} : { exit }),
      ...(linkEnd === undefined ? {} : { linkEnd: linkEnd.reason }),
      bytesFromClient: fromClient,
      bytesFromDevice: fromDevice,
      durationSeconds: (Date.now() - began) / 1000,
    },
    'session closed',
  )
}

/** A session that goes on, as far as the right to it is concerned. */
interface Begun extends Pick<Asked, 'request'>, Pick<Allowed, 'use'> {
  readonly guard: StartGuard | undefined
  readonly account: string | undefined
}

/** Why an open session has to end; undefined while it may go on. */
async function rightTo(
  { request, use, guard, account }: Begun,
  { authorise, ended, client, deviceId }: SessionContext,
): Promise<RightEnd | undefined> {
  const authorisation = await authorise()
  if (!authorisation.allowed) return ended() ?? rightLostBy(authorisation)
  const { permission } = authorisation
  if (!use.allowedBy.some((kind) => permission.channels.has(kind))) {
    const { message, hint } = channelNotAllowed(request, use, { permission, user: client.user, deviceId })
    return rightEnd('no-rights', message, hint)
  }
  const whose = { user: client.user, deviceId }
  const now = accountOf(permission, use.allowedBy, whose)
  if (!now.ok) return rightLostBy({ allowed: false, refusal: now.refusal })
  const changed = accountChanged({ allowed: true, ...now }, account, client.user)
  if (changed !== undefined) return changed
  // A session that began without a guard cannot get one later, so it ends when rules come to apply to it.
  return use.kind === 'netconf' && guard === undefined && permission.operations.kind === 'rules'
    ? rightEnd('rules-changed', client.user)
    : undefined
}

function endRefused(span: Span | undefined, { reason }: Pick<SessionRefusal, 'reason'>): void {
  span?.fail(reason)
  span?.end()
}

/** The client's request as the audit log shows it; the audit log removes secrets from commands. */
function auditedRequest(request: SessionChannelRequest): { readonly request: string; readonly command?: string } {
  return { request: describeRequest(request), ...(request.kind === 'exec' ? { command: request.command } : {}) }
}

/** A client with a terminal has it in raw mode, so each of its lines ends with a carriage return and a line feed. */
function lineEnd({ terminal }: SessionChannelRequest): string {
  return terminal === undefined ? '\n' : '\r\n'
}

/** Refuses to a client what its device has refused, in the way that the device did. */
function passOnRefusal(
  { held, request, span }: Asked,
  refusal: Pick<SessionRefusal, 'reason' | 'message'>,
  { deviceId, client, method, auditLog, refusalLines, log }: SessionContext,
): void {
  const { reason, message } = refusal
  refusalLines(log, { what: 'session refused', user: client.user, reason, message })
  auditLog.refused({ ...client, deviceId, method, ...auditedRequest(request) }, reason)
  held.channel.resume()
  endRefused(span, refusal)
  held.refuse()
}

/**
 * Tells a client why it gets no session: one line on standard error, an answer to its requests where it speaks NETCONF,
 * and an exit status.
 */
async function rejectSession(
  { held, request, clientGone, span }: Asked,
  refusal: SessionRefusal,
  { deviceId, client, method, auditLog, refusalLines, refusalsInNetconf, log }: SessionContext,
): Promise<void> {
  const { channel } = held
  refusalLines(log, { ...refusal, what: 'session refused', user: client.user })
  auditLog.refused({ ...client, deviceId, method, ...auditedRequest(request) }, refusal.reason)
  endRefused(span, refusal)
  held.confirm()
  // Before standard error: once something lies there that ncclient does not read, it never sends its requests.
  if (speaksNetconf(request)) await refusalsInNetconf?.tell({ user: client.user, channel, refusal, gone: clientGone })
  channel.resume()
  const told = new Promise<void>((resolve) => {
    channel.stderr.write(`homeport: ${refusal.message}; ${refusal.hint}${lineEnd(request)}`, () => resolve())
  })
  await Promise.race([told, clientGone])
  sendExit(channel, { status: REFUSED_STATUS })
  sendEof(channel)
  channel.close()
}

/** Whether a program speaks NETCONF on a channel; on a terminal it is a person. */
function speaksNetconf(request: SessionChannelRequest): boolean {
  return channelUse(request)?.kind === 'netconf' && request.terminal === undefined
}
