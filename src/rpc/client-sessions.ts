import { inBackground } from '../lib/background.js'
import { type Principal, principalKey } from '../access/authz/principal.js'
import type { Fleet } from '../fleet/fleet.js'
import type { SessionClient } from '../fleet/session-client.js'
import type { SentOperation } from '../netconf/written-operation.js'
import { onClosed } from '../lib/on-closed.js'
import type { Span } from '../telemetry/traces.js'
import { type CallFailure, type Failed, failedWith, whyEnded } from './call-failure.js'
import type { CallLimits } from './call-limits.js'
import { type DeviceSession, type DeviceSessionOpening, openDeviceSession } from './device-session.js'
import type { Asked, AskOptions, Dispatcher } from './dispatcher.js'

export type SessionLimits = Pick<CallLimits, 'sessionIdle' | 'sessionLifetime' | 'maxSessions' | 'maxSessionsPerUser'>

/** A session that a client wants on a device, and whose it is then. */
export interface WantedSession {
  readonly owner: Principal
  readonly deviceId: string
  readonly client: SessionClient
  /** The account that it has to be on; any where absent. */
  readonly account?: string | undefined
}

/** A session that a client opened, and closes. Calls on it are answered in their order. */
export interface HeldClientSession extends Dispatcher {
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
    wanted: WantedSession,
    /** `span` is that of the call that opens it. */
    options: { readonly signal: AbortSignal; readonly span?: Span | undefined },
  ) => Promise<{ readonly ok: true; readonly session: HeldClientSession } | Failed>
  /** A session of the owner's that is open; otherwise why there is none, which is kept for a while. */
  readonly find: (
    owner: Principal,
    deviceId: string,
    id: string,
  ) => { readonly ok: true; readonly session: HeldClientSession } | Failed
  /** Ends it as soon as `watch` says why; what that returns is called when it has ended otherwise. */
  readonly endBy: (session: HeldClientSession, watch: (end: (why: string) => void) => () => void) => void
  /** Closes it; the device gives its locks back. */
  readonly close: (session: HeldClientSession) => Promise<void>
  readonly count: () => number
  readonly closeAll: () => Promise<void>
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
  const held = new Map<string, HeldSession>()
  const ended = new Map<string, Ended>()
  /** Sessions that are being opened count too. */
  const opening = new Map<string, number>()

  const tooManyFor = (key: string): CallFailure | undefined => {
    const { maxSessions, maxSessionsPerUser } = limits()
    const beginning = [...opening.values()].reduce((sum, each) => sum + each, 0)
    if (held.size + beginning >= maxSessions)
      return tooMany(`as many sessions as there may be are open over HTTP already: ${maxSessions}`, 'max-sessions')
    const own = [...held.values()].filter(({ owner }) => principalKey(owner) === key).length + (opening.get(key) ?? 0)
    return own >= maxSessionsPerUser
      ? tooMany(
          `as many sessions as this user may have are open already: ${maxSessionsPerUser}`,
          'max-sessions-per-user',
        )
      : undefined
  }

  const open: ClientSessions['open'] = async (wanted, { signal, span }) => {
    const key = principalKey(wanted.owner)
    const refusal = tooManyFor(key)
    if (refusal !== undefined) return failedWith(refusal)
    opening.set(key, (opening.get(key) ?? 0) + 1)
    let opened: DeviceSessionOpening
    try {
      opened = await openDeviceSession({ fleet, ...wanted }, { signal, span })
    } finally {
      const left = (opening.get(key) ?? 1) - 1
      if (left === 0) opening.delete(key)
      else opening.set(key, left)
    }
    if (!opened.ok) return opened
    const { session } = opened
    const { id } = session
    const one = new HeldSession(wanted, { session, limits, now, span, end: (by, why) => void end(id, by, why) })
    held.set(id, one)
    const forgotten = session.closed.then((reason) => end(id, 'device', whyEnded(reason, session.linkEnd())))
    inBackground('http', forgotten)
    return { ok: true, session: one.view(whyGone) }
  }

  const whyGone = (id: string): CallFailure => sessionEnded(ended.get(id)?.why ?? 'it was closed')

  const end = async (id: string, endedBy: EndedBy, why: string): Promise<void> => {
    const one = held.get(id)
    if (one === undefined) return
    held.delete(id)
    remember(id, { owner: one.owner, deviceId: one.deviceId, why, at: now() })
    await one.close(endedBy)
  }

  const remember = (id: string, past: Ended): void => {
    for (const [old, { at }] of ended) {
      if (ended.size < MOST_ENDS && now() - at < REMEMBER_ENDS) break
      ended.delete(old)
    }
    ended.set(id, past)
  }

  return {
    open,
    find: (owner, deviceId, id) => {
      const isOwn = (one: Pick<Ended, 'owner' | 'deviceId'>): boolean =>
        principalKey(one.owner) === principalKey(owner) && one.deviceId === deviceId
      const one = held.get(id)
      if (one !== undefined && isOwn(one)) return { ok: true, session: one.view(whyGone) }
      const past = ended.get(id)
      return failedWith(past !== undefined && isOwn(past) ? sessionEnded(past.why) : unknownSession(id))
    },
    endBy: ({ id }, watch) => held.get(id)?.endWhen(watch((why) => void end(id, 'rights', why))),
    close: ({ id }) => end(id, 'client', 'it was closed by its client'),
    count: () => held.size,
    closeAll: async () => {
      await Promise.all([...held.keys()].map((id) => end(id, 'shutdown', 'the bridge is stopping')))
    },
  }
}

interface HeldSessionParts {
  readonly session: DeviceSession
  readonly limits: () => SessionLimits
  readonly now: () => number
  /** Of the call that opened it. */
  readonly span: Span | undefined
  /** Its time is up. */
  readonly end: (by: EndedBy, why: string) => void
}

/** A session that is open, with its calls under way and its two clocks. */
class HeldSession {
  readonly owner: Principal
  readonly deviceId: string
  readonly #parts: HeldSessionParts
  readonly #openedAt: number
  readonly #endsAt: number
  readonly #lifetime: NodeJS.Timeout
  readonly #span: Span | undefined
  #lastUse: number
  /** Calls under way: it is not idle while there is one. */
  #busy = 0
  #idle: NodeJS.Timeout | undefined
  #stopWatching: () => void = () => undefined
  #isOver = false

  constructor({ owner, deviceId, client }: WantedSession, parts: HeldSessionParts) {
    const { sessionLifetime } = parts.limits()
    this.owner = owner
    this.deviceId = deviceId
    this.#parts = parts
    this.#openedAt = parts.now()
    this.#lastUse = this.#openedAt
    this.#endsAt = this.#openedAt + sessionLifetime
    this.#span = parts.span?.child('netconf session', {
      kind: 'internal',
      attributes: {
        'homeport.session.id': parts.session.id,
        'homeport.session.channel': 'netconf',
        'homeport.device.id': deviceId,
        'homeport.user': client.user,
        'homeport.via': client.via,
      },
    })
    const tooLong = `it was open for ${sessionLifetime / 1000} s, longer than which none may be`
    this.#lifetime = setTimeout(() => parts.end('lifetime', tooLong), sessionLifetime)
    this.#lifetime.unref()
    this.#rest()
  }

  /** What its owner sees of it now. */
  view(whyGone: (id: string) => CallFailure): HeldClientSession {
    const { session, limits, now } = this.#parts
    const { id, sessionId, capabilities } = session
    const idleAt = (this.#busy > 0 ? now() : this.#lastUse) + limits().sessionIdle
    return {
      id,
      deviceId: this.deviceId,
      sessionId,
      capabilities,
      openedAt: new Date(this.#openedAt),
      idleAt: new Date(Math.min(idleAt, this.#endsAt)),
      endsAt: new Date(this.#endsAt),
      ask: (operation, options) =>
        this.#isOver ? Promise.resolve(failedWith(whyGone(id))) : this.#ask(operation, options),
    }
  }

  /** Ends with a right: what is watched is no longer watched once the session has ended otherwise. */
  endWhen(stopWatching: () => void): void {
    this.#stopWatching = stopWatching
  }

  async close(endedBy: EndedBy): Promise<void> {
    this.#isOver = true
    clearTimeout(this.#idle)
    clearTimeout(this.#lifetime)
    this.#stopWatching()
    this.#span?.set({ 'homeport.session.ended_by': endedBy })
    this.#span?.end()
    await this.#parts.session.close(CLOSE_TIMEOUT)
  }

  async #ask(operation: SentOperation, options: AskOptions): Promise<Asked> {
    if (this.#busy >= MOST_CALLS) return failedWith(TOO_MANY_CALLS)
    this.#busy += 1
    clearTimeout(this.#idle)
    const asked = await this.#parts.session.ask(operation, options)
    if (asked.ok) onClosed(asked.reply.body, () => this.#done())
    else this.#done()
    return asked
  }

  #done(): void {
    this.#busy -= 1
    this.#lastUse = this.#parts.now()
    if (!this.#isOver && this.#busy === 0) this.#rest()
  }

  #rest(): void {
    const { sessionIdle } = this.#parts.limits()
    clearTimeout(this.#idle)
    const unused = `nothing was sent on it for ${sessionIdle / 1000} s`
    this.#idle = setTimeout(() => this.#parts.end('idle', unused), sessionIdle)
    this.#idle.unref()
  }
}

const TOO_MANY_CALLS: CallFailure = {
  cause: 'too-many-calls',
  message: `${MOST_CALLS} calls wait for their answers on this session already`,
  hint: 'a session answers in order: wait for some of them',
  retryAfter: 1,
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
