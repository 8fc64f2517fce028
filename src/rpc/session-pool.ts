import type { Fleet } from '../fleet/fleet.js'
import { inBackground } from '../lib/background.js'
import { onAbort } from '../lib/on-abort.js'
import { onClosed } from '../lib/on-closed.js'
import type { StreamedReply } from '../netconf/reply-sinks.js'
import { NetconfSessionError } from '../netconf/session-error.js'
import type { SentOperation } from '../netconf/written-operation.js'
import type { Span } from '../telemetry/traces.js'
import {
  bridgeStopping,
  type CallFailure,
  clientGone,
  type Failed,
  failedWith,
  linkLost,
  outcomeUnknown,
  unanswered,
  whyEnded,
} from './call-failure.js'
import type { CallLimits } from './call-limits.js'
import { type DeviceSession, type DeviceSessionOpening, openDeviceSession } from './device-session.js'

export type PoolLimits = Pick<
  CallLimits,
  'warmSessions' | 'warmSessionPipeline' | 'warmSessionIdle' | 'maxWarmSessions'
>

/** Whose sessions are shared: those of one device, by callers with the same roles. */
export interface PoolPlace {
  readonly deviceId: string
  readonly roles: readonly string[]
}

export type PooledAnswer = { readonly ok: true; readonly reply: StreamedReply } | Failed

/** NETCONF sessions that are kept open for operations that read, so that a call costs one RPC and no session set-up. */
export interface SessionPool {
  /**
   * Sends an operation on a session of the place and answers once its reply begins. Whoever gets a reply reads its body to the end or destroys it.
   * A repeatable operation is sent again, once, where its session dies before the reply begins.
   */
  readonly ask: (
    place: PoolPlace,
    operation: SentOperation,
    options: { readonly repeatable: boolean; readonly signal: AbortSignal; readonly span?: Span | undefined },
  ) => Promise<PooledAnswer>
  /** How many sessions there are, those being opened included. */
  readonly count: () => number
  /** Keeps no session that has nothing to do, from now on; calls under way are answered. */
  readonly drain: () => void
  readonly close: () => Promise<void>
}

/** Milliseconds that a reply's reader may hold up what was sent behind it. */
const readerStallTimeout = 100
/** Milliseconds that a request may be unanswered before nothing more is sent behind it. */
const deviceStallTimeout = 1_000
/** Milliseconds that the answer to a call that was given up is waited for before its session is. */
const abandonedStallTimeout = 10_000
/** Milliseconds that a device gets to take leave. */
const closeTimeout = 2_000
/** How often an operation is sent at most. */
const mostAttempts = 2

/** A call that waits for its reply. */
interface Job {
  readonly operation: SentOperation
  readonly repeatable: boolean
  readonly signal: AbortSignal
  /** Of the call. */
  readonly span: Span | undefined
  readonly settle: (answer: PooledAnswer) => void
  attempts: number
}

/** A call on a session, until its reply was read; `given-up` ones are only waited for. */
interface Sent {
  readonly job: Job
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

interface Pool {
  readonly place: PoolPlace
  readonly sessions: Set<Warm>
  readonly waiting: Job[]
  opening: number
}

export function createSessionPool(
  fleet: Pick<Fleet, 'openSession' | 'subscribe'>,
  limits: () => PoolLimits,
  now: () => number = () => performance.now(),
): SessionPool {
  const pools = new Map<string, Pool>()
  const stopping = new AbortController()
  let draining = false

  const ask: SessionPool['ask'] = (place, operation, { repeatable, signal, span }) =>
    new Promise((resolve) => {
      if (stopping.signal.aborted) return resolve(failedWith(bridgeStopping))
      if (signal.aborted) return resolve(failedWith(clientGone))
      const pool = poolOf(place)
      const cancel = (): void => {
        const at = pool.waiting.indexOf(job)
        if (at === -1) return
        pool.waiting.splice(at, 1)
        job.settle(failedWith(clientGone))
      }
      const job: Job = {
        operation,
        repeatable,
        signal,
        span,
        attempts: 0,
        settle: (answer) => {
          stopListening()
          resolve(answer)
        },
      }
      const stopListening = onAbort(signal, cancel)
      pool.waiting.push(job)
      dispatch(pool)
    })

  const poolOf = (place: PoolPlace): Pool => {
    const key = JSON.stringify([place.deviceId, place.roles.toSorted()])
    const known = pools.get(key)
    if (known !== undefined) return known
    const pool: Pool = { place, sessions: new Set(), waiting: [], opening: 0 }
    pools.set(key, pool)
    return pool
  }

  /** Sends what waits, as far as sessions have room, and opens another session where that helps. */
  const dispatch = (pool: Pool): void => {
    for (let job = pool.waiting[0]; job !== undefined; job = pool.waiting[0]) {
      const warm = roomFor(pool, job)
      if (warm === undefined) break
      pool.waiting.shift()
      if (warm.sent.length > 0) openAnother(pool, 1)
      send(pool, warm, job)
    }
    openAnother(pool, pool.waiting.length)
  }

  /** The least busy session that may take a job. What is not repeatable is never put behind something, because it could not be taken back. */
  const roomFor = (pool: Pool, { repeatable }: Job): Warm | undefined => {
    const { warmSessionPipeline } = limits()
    const depth = repeatable ? warmSessionPipeline : 1
    return [...pool.sessions]
      .filter((warm) => isShared(warm) && warm.sent.length < depth && !slow(warm.sent[0]))
      .toSorted((a, b) => a.sent.length - b.sent.length)[0]
  }

  /** Whether it may be sent on: all sessions of a link end with it, though not all at once. */
  const isShared = ({ takenOut, session }: Warm): boolean => !takenOut && session.linkEnd() === undefined

  const slow = (first: Sent | undefined): boolean => first !== undefined && now() - first.since > deviceStallTimeout

  const openAnother = (pool: Pool, wanted: number): void => {
    const { warmSessions, maxWarmSessions } = limits()
    for (let more = wanted - pool.opening; more > 0; more -= 1) {
      const shared = [...pool.sessions].filter(isShared).length + pool.opening
      if (shared >= warmSessions || stopping.signal.aborted) return
      if (count() >= maxWarmSessions && !closeIdle(() => true, 1)) {
        if (pool.sessions.size === 0 && pool.opening === 0) failWaiting(pool, tooMany(maxWarmSessions))
        return
      }
      inBackground('http', open(pool))
    }
  }

  const open = async (pool: Pool): Promise<void> => {
    pool.opening += 1
    let opening: DeviceSessionOpening
    try {
      opening = await openDeviceSession(
        fleet,
        pool.place.deviceId,
        // Several users have a warm session, so it is the bridge's own.
        { user: 'homeport', source: 'warm', via: 'http' },
        stopping.signal,
        // Of the calls that wait for it, the first has to wait in any case.
        { span: pool.waiting[0]?.span },
      )
    } finally {
      pool.opening -= 1
    }
    if (!opening.ok) {
      // Where others are there, what waits is theirs to answer; the next call tries again to open one more.
      if (pool.sessions.size === 0 && pool.opening === 0) failWaiting(pool, opening.failure)
      return forget(pool)
    }
    const warm: Warm = { session: opening.session, sent: [], takenOut: false, idle: undefined }
    pool.sessions.add(warm)
    const closed = opening.session.closed.then(() => {
      takeAway(pool, warm)
      dispatch(pool)
      forget(pool)
    })
    inBackground('http', closed)
    rest(pool, warm)
    dispatch(pool)
  }

  const send = (pool: Pool, warm: Warm, job: Job): void => {
    clearTimeout(warm.idle)
    job.attempts += 1
    const drop = new AbortController()
    const sent: Sent = { job, since: now(), drop, state: 'waiting' }
    const cancel = (): void => giveUp(pool, warm, sent)
    const answered = (answer: PooledAnswer): void => {
      stopListening()
      job.settle(answer)
    }
    warm.sent.push(sent)
    const stopListening = onAbort(job.signal, cancel)
    warm.session
      .stream(job.operation, {
        signal: drop.signal,
        onStall: () => heldUp(pool, warm, sent),
        onDiscarded: () => finished(pool, warm, sent),
      })
      .then((reply) => {
        sent.state = 'streaming'
        // Somebody who went away in the very turn in which the reply began reads nothing of it.
        if (job.signal.aborted) reply.body.destroy()
        onClosed(reply.body, () => finished(pool, warm, sent))
        answered({ ok: true, reply })
      })
      .catch((thrown: unknown) => {
        // Given up, or moved to another session.
        if (sent.state === 'given-up') return
        stopListening()
        if (thrown instanceof NetconfSessionError && ['not-sendable', 'not-offered'].includes(thrown.code)) {
          // Nothing was sent: the session is as good as before.
          job.settle(failedWith(unanswered(pool.place.deviceId, thrown, undefined)))
          return finished(pool, warm, sent)
        }
        // All that is sent on it fails with it, and must find it gone. It has ended, or is made to.
        takeAway(pool, warm)
        warm.session.abort('a request on it failed')
        lost(pool, job, whyEnded(thrown, warm.session.linkEnd()))
      })
  }

  /** The session died before the reply began. */
  const lost = (pool: Pool, job: Job, why: string): void => {
    const { deviceId } = pool.place
    if (stopping.signal.aborted) return job.settle(failedWith(bridgeStopping))
    if (!job.repeatable) return job.settle(failedWith(outcomeUnknown(deviceId, why)))
    if (job.attempts >= mostAttempts) return job.settle(failedWith(linkLost(deviceId, why)))
    pool.waiting.unshift(job)
    dispatch(pool)
  }

  /** The caller went away before the reply began: it comes all the same, and is dropped. */
  const giveUp = (pool: Pool, warm: Warm, sent: Sent): void => {
    if (sent.state !== 'waiting') return
    sent.state = 'given-up'
    sent.drop.abort()
    sent.job.settle(failedWith({ ...clientGone, ...(sent.job.repeatable ? {} : { mayHaveHappened: true }) }))
    const overdue = setTimeout(() => {
      if (!warm.sent.includes(sent)) return
      moveOthers(pool, warm, sent)
      warm.session.abort('a request that was given up stayed unanswered')
    }, abandonedStallTimeout)
    overdue.unref()
  }

  /** The reader of a reply is slower than the device: whatever comes next goes elsewhere, and what was sent behind it too if that lasts. */
  const heldUp = (pool: Pool, warm: Warm, sent: Sent): void => {
    if (warm.takenOut) return
    const out = [...pool.sessions].filter(({ takenOut }) => takenOut).length
    // A bound on how many sessions slow readers have: beyond it they hold each other up.
    if (out >= limits().warmSessions) return
    warm.takenOut = true
    dispatch(pool)
    const still = setTimeout(() => {
      if (warm.sent[0] === sent) moveOthers(pool, warm, sent)
    }, readerStallTimeout)
    still.unref()
  }

  /** Takes back what was sent behind a call, to send it on another session. */
  const moveOthers = (pool: Pool, warm: Warm, ahead: Sent): void => {
    const behind = warm.sent.filter((other) => other !== ahead && other.state === 'waiting' && other.job.repeatable)
    for (const sent of behind.toReversed()) {
      sent.state = 'given-up'
      sent.drop.abort()
      sent.job.attempts -= 1
      pool.waiting.unshift(sent.job)
    }
    if (behind.length > 0) dispatch(pool)
  }

  const finished = (pool: Pool, warm: Warm, sent: Sent): void => {
    remove(warm, sent)
    if (!pool.sessions.has(warm)) return
    if (warm.sent.length === 0) rest(pool, warm)
    dispatch(pool)
  }

  const remove = (warm: Warm, sent: Sent): void => {
    const at = warm.sent.indexOf(sent)
    if (at !== -1) warm.sent.splice(at, 1)
  }

  /** A session that has nothing to do goes back among the others, or is closed where there are enough; after a while it is closed. */
  const rest = (pool: Pool, warm: Warm): void => {
    if (draining && pool.waiting.length === 0) {
      inBackground('http', leave(pool, warm))
      return
    }
    if (warm.takenOut) {
      const shared = [...pool.sessions].filter(isShared).length + pool.opening
      if (shared >= limits().warmSessions) {
        inBackground('http', leave(pool, warm))
        return
      }
      warm.takenOut = false
    }
    clearTimeout(warm.idle)
    warm.idle = setTimeout(() => inBackground('http', leave(pool, warm)), limits().warmSessionIdle)
    warm.idle.unref()
  }

  /** Forgets a session that has ended, or that its caller ends: nothing else takes one out of its pool. */
  const takeAway = (pool: Pool, warm: Warm): void => {
    warm.takenOut = true
    clearTimeout(warm.idle)
    pool.sessions.delete(warm)
  }

  const leave = (pool: Pool, warm: Warm): Promise<void> => {
    takeAway(pool, warm)
    forget(pool)
    return warm.session.close(closeTimeout)
  }

  /** Closes sessions that nobody uses; whether there were any. */
  const closeIdle = (of: (pool: Pool) => boolean, most: number): boolean => {
    const idle = [...pools.values()]
      .filter(of)
      .flatMap((pool) => [...pool.sessions].map((warm) => ({ pool, warm })))
      .filter(({ warm }) => warm.sent.length === 0)
      .slice(0, most)
    for (const { pool, warm } of idle) inBackground('http', leave(pool, warm))
    return idle.length > 0
  }

  const failWaiting = (pool: Pool, failure: CallFailure): void => {
    for (const job of pool.waiting.splice(0)) job.settle(failedWith(failure))
  }

  const forget = (pool: Pool): void => {
    if (pool.sessions.size > 0 || pool.opening > 0 || pool.waiting.length > 0) return
    for (const [key, known] of pools) if (known === pool) pools.delete(key)
  }

  const count = (): number =>
    [...pools.values()].reduce((sum, { sessions, opening }) => sum + sessions.size + opening, 0)

  /** Somebody waits for a session of the device: those that nobody uses are given back. */
  const makeRoom = ({ deviceId }: { readonly deviceId: string }): void =>
    void closeIdle(({ place }) => place.deviceId === deviceId, Number.MAX_SAFE_INTEGER)
  const stopListening = fleet.subscribe({ 'session-wanted': makeRoom })

  const drain = (): void => {
    draining = true
    closeIdle(() => true, Number.MAX_SAFE_INTEGER)
  }

  return {
    ask,
    count,
    drain,
    close: async () => {
      stopListening()
      stopping.abort()
      const all = [...pools.values()]
      for (const pool of all) failWaiting(pool, bridgeStopping)
      await Promise.all(all.flatMap((pool) => [...pool.sessions].map((warm) => leave(pool, warm))))
    },
  }
}

function tooMany(limit: number): CallFailure {
  return {
    cause: 'too-many-sessions',
    message: `${limit} sessions are kept open for calls over HTTP, and all of them are in use`,
    hint: 'try again, or raise endpoint.http.max-warm-sessions',
    retryAfter: 1,
  }
}
