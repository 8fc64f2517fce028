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

export interface AdmissionOptions {
  readonly now?: () => number
  readonly slicer?: TimeSlicer
  /** Whether a source may take all that is free. */
  readonly isUnlimited?: (network: string) => boolean
}

export function createAdmission(limits: AdmissionLimits, options: AdmissionOptions = {}): Admission {
  return new FairAdmission(limits, options)
}

class FairAdmission implements Admission {
  #limits: AdmissionLimits
  readonly #now: () => number
  readonly #slicer: TimeSlicer
  /** Of connections before their handshake. */
  readonly #before: FairShare
  /** Of handshakes. */
  readonly #begun: FairShare
  /** Those that have not asked for a place yet, the oldest first. */
  readonly #silent = new Set<State>()
  readonly #queue = createFairQueue<State>()
  /** Those with a place. */
  readonly #running = new Set<State>()
  /** Those that have begun and have work, but no place. */
  readonly #returning = new Set<State>()
  #pending = 0
  #lookAgain: NodeJS.Timeout | undefined

  constructor(limits: AdmissionLimits, options: AdmissionOptions) {
    const { now = () => performance.now(), slicer = createTimeSlicer(), isUnlimited = () => false } = options
    this.#limits = limits
    this.#now = now
    this.#slicer = slicer
    this.#before = createFairShare(() => this.#limits.maxQueuedHandshakes, { isUnlimited })
    this.#begun = createFairShare(() => this.#limits.maxHandshakes, { isUnlimited })
  }

  enter(network: string, familiar: boolean, giveWay: () => void = () => undefined): Entry {
    const kept = familiar ? 0 : this.#limits.maxQueuedHandshakes / 4
    if (this.#before.free <= kept) this.#makeRoomFor(network)
    if (this.#before.free <= kept) return { ok: false, cause: 'too-many-handshakes' }
    if (!this.#before.mayHaveMore(network)) return { ok: false, cause: 'too-many-from-source' }
    this.#before.take(network)
    const since = this.#now()
    const state: State = {
      network,
      since,
      giveWay,
      stage: 'arriving',
      pieces: [],
      lastWorked: since,
      begin: () => undefined,
    }
    this.#silent.add(state)
    return { ok: true, call: this.#callOf(state) }
  }

  get counts(): HandshakeCounts {
    // One that is pending may have a place too, while what it sends is worked on.
    const working = [...this.#running].filter(({ stage }) => stage === 'begun').length
    return {
      arriving: this.#before.taken - this.#queue.size,
      queued: this.#queue.size,
      running: working,
      waiting: this.#begun.taken - working,
      pending: this.#pending,
    }
  }

  configure(limits: AdmissionLimits): void {
    this.#limits = limits
    this.#serve()
  }

  #callOf(state: State): Call {
    return {
      queue: (rank, gone) => this.#enqueue(state, rank, gone),
      work: (piece) => this.#work(state, piece),
      suspended: (waiting) => this.#suspend(state, waiting),
      leave: () => {
        this.#leave(state)
        this.#serve()
      },
    }
  }

  #enqueue(state: State, rank: Rank, gone: AbortSignal): Promise<'begun' | 'timeout' | 'gone'> {
    return new Promise((resolve) => {
      const settle = (outcome: 'begun' | 'timeout' | 'gone'): void => {
        clearTimeout(timer)
        stopListening()
        this.#queue.delete(state, rank, state.network)
        if (state.stage === 'queued') state.stage = 'arriving'
        resolve(outcome)
      }
      const giveUp = (): void => settle('gone')
      const timer = setTimeout(() => settle('timeout'), this.#limits.queueTimeout)
      state.begin = settle
      state.stage = 'queued'
      this.#silent.delete(state)
      this.#queue.add(state, rank, state.network)
      let stopListening = (): void => undefined
      stopListening = onAbort(gone, giveUp)
      if (!gone.aborted) this.#serve()
    })
  }

  #work(state: State, piece: () => void): void {
    if (state.stage === 'over') return
    state.pieces.push(piece)
    if (this.#running.has(state)) {
      if (state.pieces.length === 1) this.#doPieces(state)
      return
    }
    this.#returning.add(state)
    this.#serve()
  }

  async #suspend<T>(state: State, waiting: () => Promise<T>): Promise<T> {
    this.#leavePlace(state)
    this.#begun.give(state.network)
    state.stage = 'pending'
    this.#pending += 1
    this.#serve()
    try {
      return await waiting()
    } finally {
      this.#pending -= 1
      // It has begun already, so there is room for it.
      if (state.stage === 'pending') {
        state.stage = 'begun'
        this.#begun.take(state.network)
      }
    }
  }

  /** Gives places to those who have work, and begins handshakes, as far as there is room. */
  #serve(): void {
    while ((this.#returning.size > 0 || this.#queue.size > 0) && this.#hasRoomAmongRunning()) {
      const [state] = this.#returning
      if (state !== undefined) {
        this.#returning.delete(state)
        this.#running.add(state)
        this.#doPieces(state)
        continue
      }
      const next = this.#queue.next((network) => this.#begun.mayHaveMore(network))
      if (next === undefined) return
      this.#begin(next)
    }
  }

  /** Makes room among those with a place, from one that idles; else says when to look again. */
  #hasRoomAmongRunning(): boolean {
    if (this.#running.size < this.#limits.maxConcurrentHandshakes) return true
    let soonest = Infinity
    for (const state of this.#running) {
      if (state.pieces.length > 0) continue
      const left = state.lastWorked + IDLE_ALLOWANCE - this.#now()
      if (left <= 0) return this.#running.delete(state)
      soonest = Math.min(soonest, left)
    }
    if (soonest < Infinity && this.#lookAgain === undefined)
      this.#lookAgain = setTimeout(() => this.#lookNow(), Math.ceil(soonest))
    return false
  }

  #lookNow(): void {
    this.#lookAgain = undefined
    this.#serve()
  }

  #begin(state: State): void {
    this.#before.give(state.network)
    this.#begun.take(state.network)
    state.stage = 'begun'
    this.#running.add(state)
    state.pieces.push(() => state.begin('begun'))
    this.#doPieces(state)
  }

  #doPieces(state: State): void {
    this.#slicer(() => {
      for (const piece of state.pieces.splice(0)) piece()
      state.lastWorked = this.#now()
      if (this.#returning.size > 0 || this.#queue.size > 0) this.#serve()
    })
  }

  #leave(state: State): void {
    const { stage, network } = state
    state.stage = 'over'
    state.pieces.length = 0
    this.#silent.delete(state)
    this.#leavePlace(state)
    if (stage === 'begun') this.#begun.give(network)
    else if (stage === 'arriving' || stage === 'queued') this.#before.give(network)
  }

  #leavePlace(state: State): void {
    this.#running.delete(state)
    this.#returning.delete(state)
  }

  /** Closes the connection that has sent nothing for the longest time, for a source that has none. */
  #makeRoomFor(network: string): void {
    const [oldest] = this.#silent
    if (oldest === undefined || this.#before.holds(network) > 0 || this.#now() - oldest.since < SILENCE_ALLOWANCE)
      return
    this.#leave(oldest)
    oldest.giveWay()
  }
}
