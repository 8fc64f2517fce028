import { inBackground } from '../lib/background.js'
import { type Principal, principalKey } from '../access/authz/principal.js'
import type { Fleet } from '../fleet/fleet.js'
import type { SessionClient } from '../fleet/session-client.js'
import type { StreamedReply } from '../netconf/reply-sinks.js'
import type { SentOperation } from '../netconf/written-operation.js'
import { onClosed } from '../lib/on-closed.js'
import type { Span } from '../telemetry/traces.js'
import type { CallDeadline } from './call-deadline.js'
import { type CallFailure, type Failed, failedWith, unanswered, whyEnded } from './call-failure.js'
import type { CallLimits } from './call-limits.js'
import { type DeviceSession, type DeviceSessionOpening, openDeviceSession } from './device-session.js'

export type SessionLimits = Pick<CallLimits, 'sessionIdle' | 'sessionLifetime' | 'maxSessions' | 'maxSessionsPerUser'>

/** A session that a client opened, and closes. */
export interface HeldClientSession {
  /** The fleet's name for it, as `homeport sessions list` shows it. */
  readonly id: string
  readonly deviceId: string
  /** What the device itself calls it. */
  readonly sessionId: number
  readonly capabilities: readonly string[]
  readonly openedAt: Date
  /** When it is closed unless something is sent on it before. */
  readonly idleAt: Date
  /** When it is closed whatever is sent on it. */
  readonly endsAt: Date
}

export interface ClientSessions {
  /** Nobody but its owner may use it, or learn that it is there. */
  readonly open: (
    owner: Principal,
    deviceId: string,
    client: SessionClient,
    signal: AbortSignal,
    /** Of the call that opens it. */
    span?: Span,
  ) => Promise<{ readonly ok: true; readonly session: HeldClientSession } | Failed>
  /** A session of the owner's that is open; otherwise why there is none, which is kept for a while. */
  readonly find: (
    owner: Principal,
    deviceId: string,
    id: string,
  ) => { readonly ok: true; readonly session: HeldClientSession } | Failed
  /** Sends an operation; answers once its reply begins. Calls on one session are answered in their order. */
  readonly ask: (
    session: HeldClientSession,
    operation: SentOperation,
    deadline: CallDeadline,
  ) => Promise<{ readonly ok: true; readonly reply: StreamedReply } | Failed>
  /** Ends it as soon as `watch` says why; what that returns is called when it has ended otherwise. */
  readonly endBy: (session: HeldClientSession, watch: (end: (why: string) => void) => () => void) => void
  /** Closes it; the device gives its locks back. */
  readonly close: (session: HeldClientSession) => Promise<void>
  readonly count: () => number
  readonly closeAll: () => Promise<void>
}

interface Entry {
  readonly owner: Principal
  readonly deviceId: string
  readonly session: DeviceSession
  readonly openedAt: number
  readonly endsAt: number
  lastUse: number
  /** Calls under way: it is not idle while there is one. */
  busy: number
  idle: NodeJS.Timeout | undefined
  readonly lifetime: NodeJS.Timeout
  readonly span: Span | undefined
  stopWatching: () => void
}

/** Who or what ended a session, in a word for its span. */
type EndedBy = 'client' | 'device' | 'rights' | 'idle' | 'lifetime' | 'shutdown'

/** Why a session ended, kept for a while for whoever asks for it. */
interface Ended {
  readonly owner: Principal
  readonly deviceId: string
  readonly why: string
  readonly at: number
}

/** Milliseconds that a device gets to take leave. */
const CLOSE_TIMEOUT = 5_000
/** Milliseconds that the end of a session is remembered, and of how many. */
const REMEMBER_ENDS = 600_000
const MOST_ENDS = 1000
/** Calls that may wait for each other on one session. */
const MOST_CALLS = 16

export function createClientSessions(
  fleet: Pick<Fleet, 'openSession'>,
  limits: () => SessionLimits,
  now: () => number = Date.now,
): ClientSessions {
  const entries = new Map<string, Entry>()
  const ended = new Map<string, Ended>()
  /** Sessions that are being opened count too. */
  const opening = new Map<string, number>()

  const open: ClientSessions['open'] = async (owner, deviceId, client, signal, span) => {
    const key = principalKey(owner)
    const refusal = tooManyFor(key)
    if (refusal !== undefined) return failedWith(refusal)
    opening.set(key, (opening.get(key) ?? 0) + 1)
    let opened: DeviceSessionOpening
    try {
      opened = await openDeviceSession(fleet, deviceId, client, signal, { span })
    } finally {
      const left = (opening.get(key) ?? 1) - 1
      if (left === 0) opening.delete(key)
      else opening.set(key, left)
    }
    if (!opened.ok) return opened
    const { session } = opened
    const { id } = session
    const at = now()
    const { sessionLifetime } = limits()
    const entry: Entry = {
      owner,
      deviceId,
      session,
      openedAt: at,
      endsAt: at + sessionLifetime,
      lastUse: at,
      busy: 0,
      idle: undefined,
      lifetime: setTimeout(
        () => void end(id, 'lifetime', `it was open for ${sessionLifetime / 1000} s, longer than which none may be`),
        sessionLifetime,
      ),
      span: span?.child('netconf session', {
        kind: 'internal',
        attributes: {
          'homeport.session.id': id,
          'homeport.session.channel': 'netconf',
          'homeport.device.id': deviceId,
          'homeport.user': client.user,
          'homeport.via': client.via,
        },
      }),
      stopWatching: () => undefined,
    }
    entry.lifetime.unref()
    entries.set(id, entry)
    rest(id, entry)
    const forgotten = session.closed.then((reason) => end(id, 'device', whyEnded(reason, session.linkEnd())))
    inBackground('http', forgotten)
    return { ok: true, session: shown(id, entry) }
  }

  const tooManyFor = (key: string): CallFailure | undefined => {
    const { maxSessions, maxSessionsPerUser } = limits()
    const beginning = [...opening.values()].reduce((sum, each) => sum + each, 0)
    if (entries.size + beginning >= maxSessions)
      return tooMany(`${maxSessions} sessions are open over HTTP already`, 'max-sessions')
    const own =
      [...entries.values()].filter(({ owner }) => principalKey(owner) === key).length + (opening.get(key) ?? 0)
    return own >= maxSessionsPerUser
      ? tooMany(`${maxSessionsPerUser} sessions are open already for this user`, 'max-sessions-per-user')
      : undefined
  }

  const find: ClientSessions['find'] = (owner, deviceId, id) => {
    const isOwn = (one: Pick<Entry, 'owner' | 'deviceId'>): boolean =>
      principalKey(one.owner) === principalKey(owner) && one.deviceId === deviceId
    const entry = entries.get(id)
    if (entry !== undefined && isOwn(entry)) return { ok: true, session: shown(id, entry) }
    const past = ended.get(id)
    return failedWith(past !== undefined && isOwn(past) ? sessionEnded(past.why) : unknownSession(id))
  }

  const ask: ClientSessions['ask'] = async ({ id, deviceId }, operation, deadline) => {
    const entry = entries.get(id)
    if (entry === undefined) return failedWith(sessionEnded(ended.get(id)?.why ?? 'it was closed'))
    if (entry.busy >= MOST_CALLS)
      return failedWith({
        cause: 'too-many-calls',
        message: `${MOST_CALLS} calls wait for their answers on this session already`,
        hint: 'a session answers in order: wait for some of them',
        retryAfter: 1,
      })
    entry.busy += 1
    clearTimeout(entry.idle)
    const done = (): void => {
      entry.busy -= 1
      entry.lastUse = now()
      if (entries.get(id) === entry && entry.busy === 0) rest(id, entry)
    }
    try {
      const reply = await entry.session.stream(operation, { signal: deadline.time })
      onClosed(reply.body, done)
      return { ok: true, reply }
    } catch (thrown) {
      done()
      return failedWith(unanswered(deviceId, thrown, entry.session.linkEnd()))
    }
  }

  const rest = (id: string, entry: Entry): void => {
    const { sessionIdle } = limits()
    clearTimeout(entry.idle)
    entry.idle = setTimeout(
      () => void end(id, 'idle', `nothing was sent on it for ${sessionIdle / 1000} s`),
      sessionIdle,
    )
    entry.idle.unref()
  }

  const end = async (id: string, endedBy: EndedBy, why: string): Promise<void> => {
    const entry = entries.get(id)
    if (entry === undefined) return
    entries.delete(id)
    clearTimeout(entry.idle)
    clearTimeout(entry.lifetime)
    entry.stopWatching()
    remember(id, { owner: entry.owner, deviceId: entry.deviceId, why, at: now() })
    entry.span?.set({ 'homeport.session.ended_by': endedBy })
    entry.span?.end()
    await entry.session.close(CLOSE_TIMEOUT)
  }

  const remember = (id: string, end: Ended): void => {
    for (const [old, { at }] of ended) {
      if (ended.size < MOST_ENDS && now() - at < REMEMBER_ENDS) break
      ended.delete(old)
    }
    ended.set(id, end)
  }

  const shown = (id: string, entry: Entry): HeldClientSession => ({
    id,
    deviceId: entry.deviceId,
    sessionId: entry.session.sessionId,
    capabilities: entry.session.capabilities,
    openedAt: new Date(entry.openedAt),
    idleAt: new Date(Math.min((entry.busy > 0 ? now() : entry.lastUse) + limits().sessionIdle, entry.endsAt)),
    endsAt: new Date(entry.endsAt),
  })

  return {
    open,
    find,
    ask,
    endBy: ({ id }, watch) => {
      const entry = entries.get(id)
      if (entry !== undefined) entry.stopWatching = watch((why) => void end(id, 'rights', why))
    },
    close: ({ id }) => end(id, 'client', 'it was closed by its client'),
    count: () => entries.size,
    closeAll: async () => {
      await Promise.all([...entries.keys()].map((id) => end(id, 'shutdown', 'the bridge is stopping')))
    },
  }
}

function unknownSession(id: string): CallFailure {
  return {
    cause: 'unknown-session',
    message: `no session ${JSON.stringify(id)} of yours is open on this device`,
    hint: 'POST /api/v1/devices/{id}/sessions opens one',
  }
}

function sessionEnded(why: string): CallFailure {
  return {
    cause: 'session-ended',
    message: `the session has ended: ${why}`,
    hint: 'its locks are gone with it; open a new one',
  }
}

function tooMany(message: string, key: string): CallFailure {
  const hint = `close sessions that are not needed, or raise endpoint.http.${key}`
  return { cause: 'too-many-sessions', message, hint, retryAfter: 10 }
}
