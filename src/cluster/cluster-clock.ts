/** Time and chance, as a node has them. */
export interface ClusterClock {
  /** Milliseconds of a clock that never steps, from any beginning. */
  readonly now: () => number
  /** Milliseconds since 1970, as this machine takes them to be. */
  readonly wall: () => number
  /** @returns what ends the wait */
  readonly after: (milliseconds: number, then: () => void) => () => void
  /** From 0 to less than 1. */
  readonly random: () => number
}

/** No timer of it keeps a process alive. */
export const SYSTEM_CLOCK: ClusterClock = {
  now: () => performance.now(),
  wall: Date.now,
  after: (milliseconds, then) => {
    const timer = setTimeout(then, milliseconds)
    timer.unref()
    return () => clearTimeout(timer)
  },
  random: Math.random,
}
