import { onAbort } from '../lib/on-abort.js'
import { createFairQueue, type Rank } from '../net/fair-queue.js'
import { createFairShare, type FairShare } from '../net/fair-share.js'
import { createTimeSlicer, type TimeSlicer } from '../lib/time-slicer.js'

export interface AdmissionLimits {
  /** Handshakes that may be worked on at a time. */
  readonly maxConcurrentHandshakes: number
  /**
   * Handshakes that have begun and are not over; those of pending devices, which have a bound of their own, do not
   * count.
   */
  readonly maxHandshakes: number
  /** Connections whose handshake has not begun: their claim is being read, or they wait. */
  readonly maxQueuedHandshakes: number
  /** Milliseconds that one waits for its handshake to begin. */
  readonly queueTimeout: number
}

/**
 * A connection whose peer has not proven yet who it is: on its way to becoming a device's link, or a client's session.
 */
export interface Call {
  /** Waits for its handshake to begin. */
  readonly queue: (rank: Rank, gone: AbortSignal) => Promise<'begun' | 'timeout' | 'gone'>
  /** Does a piece of work of its handshake, once it is its turn. */
  readonly work: (piece: () => void) => void
  /** Waits for something that costs the bridge nothing, such as an operator. */
  readonly suspended: <T>(waiting: () => Promise<T>) => Promise<T>
  /** It has proven who it is, or is gone. */
  readonly leave: () => void
}

export type Entry =
  | { readonly ok: true; readonly call: Call }
  | { readonly ok: false; readonly cause: 'too-many-handshakes' | 'too-many-from-source' }

/**
 * How many calls there are in each state. `running` ones have a place, `waiting` ones lent theirs while the peer is
 * slow.
 */
export type HandshakeCounts = Readonly<Record<'arriving' | 'queued' | 'running' | 'waiting' | 'pending', number>>

/**
 * Decides whose handshake is worked on. A handshake costs milliseconds of key exchange, and a thousand at once would
 * hold up every session, so only a few have a place at a time. A place is lent on once its peer lets it idle, and
 * whoever has begun comes before those who have not, so that a slow peer costs the others nothing and a handshake that
 * has cost something is brought to its end. No source takes what all need: it gets twice what is free, two thirds of
 * everything where it is alone.
 */
export interface Admission {
  /**
   * Takes a connection in, before anything was read from it.
   * @param familiar somebody from there has proven before who it is; those that are not leave a quarter of the room to
   *   those that are
   * @param giveWay closes the connection: it has sent nothing for a while, and others have no room
   */
  readonly enter: (network: string, familiar: boolean, giveWay?: () => void) => Entry
  readonly counts: HandshakeCounts
  readonly configure: (limits: AdmissionLimits) => void
}

/**
 * Milliseconds that a place may idle before it is lent to somebody who has work. A round trip on a local network is
 * shorter.
 */
const IDLE_ALLOWANCE = 5
/** Milliseconds that a connection may send nothing once there is no room for others. */
const SILENCE_ALLOWANCE = 2_000

type Stage = 'arriving' | 'queued' | 'begun' | 'pending' | 'over'

interface State {
  readonly network: string
  /** When it was taken in, on the clock of `now`. */
  readonly since: number
  readonly giveWay: () => void
  stage: Stage
  readonly pieces: (() => void)[]
  /** When the last piece was done, on the clock of `now`. */
  lastWorked: number
  begin: (outcome: 'begun' | 'timeout' | 'gone') => void
}

export function createAdmission(
  initial: AdmissionLimits,
  {
    now = () => performance.now(),
    slicer = createTimeSlicer(),
    isUnlimited = () => false,
  }: {
    readonly now?: () => number
    readonly slicer?: TimeSlicer
    /** Whether a source may take all that is free. */
    readonly isUnlimited?: (network: string) => boolean
  } = {},
): Admission {
  let limits = initial
  /** Of connections before their handshake, and of handshakes. */
  const before: FairShare = createFairShare(() => limits.maxQueuedHandshakes, { isUnlimited })
  const begun: FairShare = createFairShare(() => limits.maxHandshakes, { isUnlimited })
  /** Those that have not asked for a place yet, the oldest first. */
  const silent = new Set<State>()
  const queue = createFairQueue<State>()
  /** Those with a place. */
  const running = new Set<State>()
  /** Those that have begun and have work, but no place. */
  const returning = new Set<State>()
  let pending = 0
  let lookAgain: NodeJS.Timeout | undefined

  const doPieces = (state: State): void =>
    slicer(() => {
      for (const piece of state.pieces.splice(0)) piece()
      state.lastWorked = now()
      if (returning.size > 0 || queue.size > 0) serve()
    })

  /** Makes room among those with a place, from one that idles; else says when to look again. */
  const roomAmongRunning = (): boolean => {
    if (running.size < limits.maxConcurrentHandshakes) return true
    let soonest = Infinity
    for (const state of running) {
      if (state.pieces.length > 0) continue
      const left = state.lastWorked + IDLE_ALLOWANCE - now()
      if (left <= 0) return running.delete(state)
      soonest = Math.min(soonest, left)
    }
    if (soonest < Infinity) lookAgain ??= setTimeout(lookNow, Math.ceil(soonest))
    return false
  }
  const lookNow = (): void => {
    lookAgain = undefined
    serve()
  }

  /** Gives places to those who have work, and begins handshakes, as far as there is room. */
  const serve = (): void => {
    while ((returning.size > 0 || queue.size > 0) && roomAmongRunning()) {
      const [state] = returning
      if (state !== undefined) {
        returning.delete(state)
        running.add(state)
        doPieces(state)
        continue
      }
      const next = queue.next((network) => begun.mayHaveMore(network))
      if (next === undefined) return
      begin(next)
    }
  }
  const begin = (state: State): void => {
    before.give(state.network)
    begun.take(state.network)
    state.stage = 'begun'
    running.add(state)
    state.pieces.push(() => state.begin('begun'))
    doPieces(state)
  }

  const callOf = (state: State): Call => ({
    queue: (rank, gone) =>
      new Promise((resolve) => {
        const settle = (outcome: 'begun' | 'timeout' | 'gone'): void => {
          clearTimeout(timer)
          stopListening()
          queue.delete(state, rank, state.network)
          if (state.stage === 'queued') state.stage = 'arriving'
          resolve(outcome)
        }
        const giveUp = (): void => settle('gone')
        const timer = setTimeout(() => settle('timeout'), limits.queueTimeout)
        state.begin = settle
        state.stage = 'queued'
        silent.delete(state)
        queue.add(state, rank, state.network)
        let stopListening = (): void => undefined
        stopListening = onAbort(gone, giveUp)
        if (!gone.aborted) serve()
      }),
    work: (piece) => {
      if (state.stage === 'over') return
      state.pieces.push(piece)
      if (running.has(state)) {
        if (state.pieces.length === 1) doPieces(state)
        return
      }
      returning.add(state)
      serve()
    },
    suspended: async (waiting) => {
      leavePlace(state)
      begun.give(state.network)
      state.stage = 'pending'
      pending += 1
      serve()
      try {
        return await waiting()
      } finally {
        pending -= 1
        // It has begun already, so there is room for it.
        if (state.stage === 'pending') {
          state.stage = 'begun'
          begun.take(state.network)
        }
      }
    },
    leave: () => {
      leave(state)
      serve()
    },
  })
  const leave = (state: State): void => {
    const { stage, network } = state
    state.stage = 'over'
    state.pieces.length = 0
    silent.delete(state)
    leavePlace(state)
    if (stage === 'begun') begun.give(network)
    else if (stage === 'arriving' || stage === 'queued') before.give(network)
  }
  const leavePlace = (state: State): void => {
    running.delete(state)
    returning.delete(state)
  }

  /** Closes the connection that has sent nothing for the longest time, for a source that has none. */
  const makeRoomFor = (network: string): void => {
    const [oldest] = silent
    if (oldest === undefined || before.holds(network) > 0 || now() - oldest.since < SILENCE_ALLOWANCE) return
    leave(oldest)
    oldest.giveWay()
  }

  return {
    enter: (network, familiar, giveWay = () => undefined) => {
      const kept = familiar ? 0 : limits.maxQueuedHandshakes / 4
      if (before.free <= kept) makeRoomFor(network)
      if (before.free <= kept) return { ok: false, cause: 'too-many-handshakes' }
      if (!before.mayHaveMore(network)) return { ok: false, cause: 'too-many-from-source' }
      before.take(network)
      const since = now()
      const state: State = {
        network,
        since,
        giveWay,
        stage: 'arriving',
        pieces: [],
        lastWorked: since,
        begin: () => undefined,
      }
      silent.add(state)
      return { ok: true, call: callOf(state) }
    },
    get counts() {
      // One that is pending may have a place too, while what it sends is worked on.
      const working = [...running].filter(({ stage }) => stage === 'begun').length
      return {
        arriving: before.taken - queue.size,
        queued: queue.size,
        running: working,
        waiting: begun.taken - working,
        pending,
      }
    },
    configure: (next) => {
      limits = next
      serve()
    },
  }
}
