import type { Principal } from '../access/authz/principal.js'
import { inBackground } from '../lib/background.js'
import { onAbort } from '../lib/on-abort.js'
import { onClosed } from '../lib/on-closed.js'
import type { SentOperation } from '../netconf/written-operation.js'
import type { Span } from '../telemetry/traces.js'
import { bridgeStopping, type CallFailure, clientGone, failedWith, linkLost, outcomeUnknown } from './call-failure.js'
import type { CallLimits } from './call-limits.js'
import type { DeviceSession, DeviceSessionOpening } from './device-session.js'
import type { Asked, AskOptions, Dispatcher } from './dispatcher.js'

export type PoolLimits = Pick<
  CallLimits,
  'warmSessions' | 'warmSessionPipeline' | 'warmSessionIdle' | 'maxWarmSessions'
>

/**
 * Whose sessions are shared: those of one device, by callers with the same roles. Where the device knows its users by
 * name, by the calls of one user alone.
 */
export interface PoolPlace {
  readonly deviceId: string
  readonly roles: readonly string[]
  readonly user?: Principal
  /** The account that the sessions are on; any where absent. */
  readonly account?: string | undefined
}

/** What the sessions of one place need of the pool that they are part of. */
export interface PoolParts {
  readonly limits: () => PoolLimits
  readonly now: () => number
  /** Aborts when the pool is closed. */
  readonly stopping: AbortSignal
  /** Whether no session is kept that has nothing to do. */
  readonly isDraining: () => boolean
  /** Opens a session of the place for a call, whose span it is. */
  readonly open: (span: Span | undefined) => Promise<DeviceSessionOpening>
  /** Whether there may be one more session in the pool; one that nobody uses is closed for it. */
  readonly makeRoom: () => boolean
  /** Told when the place has neither sessions nor calls any more. */
  readonly emptied: () => void
}

/** Milliseconds that a reply's reader may hold up what was sent behind it. */
const READER_STALL_TIMEOUT = 100
/** Milliseconds that a request may be unanswered before nothing more is sent behind it. */
const DEVICE_STALL_TIMEOUT = 1_000
/** Milliseconds that the answer to a call that was given up is waited for before its session is. */
const ABANDONED_STALL_TIMEOUT = 10_000
/** Milliseconds that a device gets to take leave. */
const CLOSE_TIMEOUT = 2_000
/** How often an operation is sent at most. */
const MAX_ATTEMPTS = 2

/** A call that waits for its reply. */
interface Call {
  readonly operation: SentOperation
  readonly repeatable: boolean
  readonly signal: AbortSignal
  readonly span: Span | undefined
  readonly settle: (asked: Asked) => void
  attempts: number
}

/** A call on a session, until its reply was read; `given-up` ones are only waited for. */
interface Sent {
  readonly call: Call
  readonly since: number
  readonly drop: AbortController
  state: 'waiting' | 'streaming' | 'given-up'
}

interface Warm {
  readonly session: DeviceSession
  /** In the order they were sent, which is that of their answers. */
  readonly sent: Sent[]
  /** Gets nothing more: a reader holds it up, or it is to be closed. */
  takenOut: boolean
  idle: NodeJS.Timeout | undefined
}

/**
 * The sessions of one place, which calls share: each call goes to the least busy one, or waits until there is room.
 * Calls are sent behind each other up to a bound; what a slow reader or a dead session holds up is sent elsewhere,
 * where that does no harm.
 */
export class SharedSessions implements Dispatcher {
  readonly place: PoolPlace
  readonly #pool: PoolParts
  readonly #sessions = new Set<Warm>()
  readonly #waiting: Call[] = []
  #opening = 0

  constructor(place: PoolPlace, pool: PoolParts) {
    this.place = place
    this.#pool = pool
  }

  /** Sessions that there are, those being opened included. */
  get count(): number {
    return this.#sessions.size + this.#opening
  }

  readonly ask = (operation: SentOperation, { deadline, repeatable, span }: AskOptions): Promise<Asked> =>
    new Promise((resolve) => {
      const { signal } = deadline
      if (this.#pool.stopping.aborted) return resolve(failedWith(bridgeStopping))
      if (signal.aborted) return resolve(failedWith(clientGone))
      const settle = (asked: Asked): void => {
        stopListening()
        resolve(asked)
      }
      const call: Call = { operation, repeatable, signal, span, settle, attempts: 0 }
      const stopListening = onAbort(signal, () => {
        const at = this.#waiting.indexOf(call)
        if (at === -1) return
        this.#waiting.splice(at, 1)
        settle(failedWith(clientGone))
      })
      this.#waiting.push(call)
      this.#dispatch()
    })

  /** Closes so many sessions that nobody uses. @returns how many that were */
  closeIdle(most: number): number {
    const idle = [...this.#sessions].filter(({ sent }) => sent.length === 0).slice(0, most)
    for (const warm of idle) inBackground('http', this.#leave(warm))
    return idle.length
  }

  /** Ends all sessions; calls that wait fail for this reason. */
  async close(why: CallFailure): Promise<void> {
    this.#failWaiting(why)
    await Promise.all([...this.#sessions].map((warm) => this.#leave(warm)))
  }

  /** Sends what waits, as far as sessions have room, and opens another session where that helps. */
  #dispatch(): void {
    for (let call = this.#waiting[0]; call !== undefined; call = this.#waiting[0]) {
      const warm = this.#roomFor(call)
      if (warm === undefined) break
      this.#waiting.shift()
      if (warm.sent.length > 0) this.#openAnother(1)
      this.#send(warm, call)
    }
    this.#openAnother(this.#waiting.length)
  }

  /**
   * The least busy session that may take a call. What is not repeatable is never put behind something, because it could
   * not be taken back.
   */
  #roomFor({ repeatable }: Call): Warm | undefined {
    const depth = repeatable ? this.#pool.limits().warmSessionPipeline : 1
    return [...this.#sessions]
      .filter((warm) => isShared(warm) && warm.sent.length < depth && !this.#isSlow(warm.sent[0]))
      .toSorted((a, b) => a.sent.length - b.sent.length)[0]
  }

  #isSlow(first: Sent | undefined): boolean {
    return first !== undefined && this.#pool.now() - first.since > DEVICE_STALL_TIMEOUT
  }

  /** Sessions that may be sent on, those being opened included. */
  #sharedCount(): number {
    return [...this.#sessions].filter(isShared).length + this.#opening
  }

  #openAnother(wanted: number): void {
    const { warmSessions, maxWarmSessions } = this.#pool.limits()
    for (let more = wanted - this.#opening; more > 0; more -= 1) {
      if (this.#sharedCount() >= warmSessions || this.#pool.stopping.aborted) return
      if (!this.#pool.makeRoom()) {
        if (this.count === 0) this.#failWaiting(tooMany(maxWarmSessions))
        return
      }
      inBackground('http', this.#open())
    }
  }

  async #open(): Promise<void> {
    this.#opening += 1
    let opening: DeviceSessionOpening
    try {
      // Of the calls that wait for it, the first has to wait in any case.
      opening = await this.#pool.open(this.#waiting[0]?.span)
    } finally {
      this.#opening -= 1
    }
    if (!opening.ok) {
      // Where others are there, what waits is theirs to answer; the next call tries again to open one more.
      if (this.count === 0) this.#failWaiting(opening.failure)
      return this.#forget()
    }
    const warm: Warm = { session: opening.session, sent: [], takenOut: false, idle: undefined }
    this.#sessions.add(warm)
    const closed = opening.session.closed.then(() => {
      this.#takeAway(warm)
      this.#dispatch()
      this.#forget()
    })
    inBackground('http', closed)
    this.#rest(warm)
    this.#dispatch()
  }

  #send(warm: Warm, call: Call): void {
    clearTimeout(warm.idle)
    call.attempts += 1
    const drop = new AbortController()
    const sent: Sent = { call, since: this.#pool.now(), drop, state: 'waiting' }
    warm.sent.push(sent)
    const stopListening = onAbort(call.signal, () => this.#giveUp(warm, sent))
    const asking = warm.session.ask(call.operation, {
      deadline: { signal: drop.signal, time: drop.signal },
      repeatable: call.repeatable,
      onStall: () => this.#heldUp(warm, sent),
      onDiscarded: () => this.#finished(warm, sent),
    })
    inBackground(
      'http',
      asking.then((asked) => {
        // Given up, or moved to another session.
        if (!asked.ok && sent.state === 'given-up') return
        stopListening()
        if (asked.ok) this.#replied(warm, sent, asked)
        else this.#unanswered(warm, sent, asked.failure)
      }),
    )
  }

  #replied(warm: Warm, sent: Sent, asked: Extract<Asked, { readonly ok: true }>): void {
    sent.state = 'streaming'
    // Somebody who went away in the very turn in which the reply began reads nothing of it.
    if (sent.call.signal.aborted) asked.reply.body.destroy()
    onClosed(asked.reply.body, () => this.#finished(warm, sent))
    sent.call.settle(asked)
  }

  #unanswered(warm: Warm, sent: Sent, failure: CallFailure): void {
    if (failure.cause === 'invalid-request' || failure.cause === 'not-offered') {
      // Nothing was sent: the session is as good as before.
      sent.call.settle(failedWith(failure))
      return this.#finished(warm, sent)
    }
    // All that is sent on it fails with it, and must find it gone. It has ended, or is made to.
    this.#takeAway(warm)
    warm.session.abort('a request on it failed')
    this.#lost(sent.call, failure.why ?? failure.message)
  }

  /** The session died before the reply began. */
  #lost(call: Call, why: string): void {
    const { deviceId } = this.place
    if (this.#pool.stopping.aborted) return call.settle(failedWith(bridgeStopping))
    if (!call.repeatable) return call.settle(failedWith(outcomeUnknown(deviceId, why)))
    if (call.attempts >= MAX_ATTEMPTS) return call.settle(failedWith(linkLost(deviceId, why)))
    this.#waiting.unshift(call)
    this.#dispatch()
  }

  /** The caller went away before the reply began: it comes all the same, and is dropped. */
  #giveUp(warm: Warm, sent: Sent): void {
    if (sent.state !== 'waiting') return
    sent.state = 'given-up'
    sent.drop.abort()
    const { repeatable, settle } = sent.call
    settle(failedWith({ ...clientGone, ...(repeatable ? {} : { mayHaveHappened: true }) }))
    const overdue = setTimeout(() => {
      if (!warm.sent.includes(sent)) return
      this.#moveOthers(warm, sent)
      warm.session.abort('a request that was given up stayed unanswered')
    }, ABANDONED_STALL_TIMEOUT)
    overdue.unref()
  }

  /**
   * The reader of a reply is slower than the device: whatever comes next goes elsewhere, and what was sent behind it
   * too if that lasts.
   */
  #heldUp(warm: Warm, sent: Sent): void {
    if (warm.takenOut) return
    const out = [...this.#sessions].filter(({ takenOut }) => takenOut).length
    // A bound on how many sessions slow readers have: beyond it they hold each other up.
    if (out >= this.#pool.limits().warmSessions) return
    warm.takenOut = true
    this.#dispatch()
    const still = setTimeout(() => {
      if (warm.sent[0] === sent) this.#moveOthers(warm, sent)
    }, READER_STALL_TIMEOUT)
    still.unref()
  }

  /** Takes back what was sent behind a call, to send it on another session. */
  #moveOthers(warm: Warm, ahead: Sent): void {
    const behind = warm.sent.filter((other) => other !== ahead && other.state === 'waiting' && other.call.repeatable)
    for (const sent of behind.toReversed()) {
      sent.state = 'given-up'
      sent.drop.abort()
      sent.call.attempts -= 1
      this.#waiting.unshift(sent.call)
    }
    if (behind.length > 0) this.#dispatch()
  }

  #finished(warm: Warm, sent: Sent): void {
    const at = warm.sent.indexOf(sent)
    if (at !== -1) warm.sent.splice(at, 1)
    if (!this.#sessions.has(warm)) return
    if (warm.sent.length === 0) this.#rest(warm)
    this.#dispatch()
  }

  /**
   * A session that has nothing to do goes back among the others, or is closed where there are enough; after a while it
   * is closed.
   */
  #rest(warm: Warm): void {
    const { warmSessions, warmSessionIdle } = this.#pool.limits()
    const isDrained = this.#pool.isDraining() && this.#waiting.length === 0
    if (isDrained || (warm.takenOut && this.#sharedCount() >= warmSessions)) {
      inBackground('http', this.#leave(warm))
      return
    }
    warm.takenOut = false
    clearTimeout(warm.idle)
    warm.idle = setTimeout(() => inBackground('http', this.#leave(warm)), warmSessionIdle)
    warm.idle.unref()
  }

  /** Forgets a session that has ended, or that its caller ends: nothing else takes one out of its place. */
  #takeAway(warm: Warm): void {
    warm.takenOut = true
    clearTimeout(warm.idle)
    this.#sessions.delete(warm)
  }

  #leave(warm: Warm): Promise<void> {
    this.#takeAway(warm)
    this.#forget()
    return warm.session.close(CLOSE_TIMEOUT)
  }

  #failWaiting(failure: CallFailure): void {
    for (const call of this.#waiting.splice(0)) call.settle(failedWith(failure))
  }

  #forget(): void {
    if (this.count === 0 && this.#waiting.length === 0) this.#pool.emptied()
  }
}

/** Whether a session may be sent on: all sessions of a link end with it, though not all at once. */
function isShared({ takenOut, session }: Warm): boolean {
  return !takenOut && session.linkEnd() === undefined
}

function tooMany(limit: number): CallFailure {
  return {
    cause: 'too-many-sessions',
    message: `all sessions that are kept open for calls over HTTP are in use: ${limit}`,
    hint: 'try again, or raise endpoint.http.max-warm-sessions',
    retryAfter: 1,
  }
}
