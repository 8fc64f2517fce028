/** Time as an argument, so that tests need not wait for it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Calls back once after `delay` milliseconds; the answer cancels it. */
  readonly after: (delay: number, callback: () => void) => () => void
}

/** The time of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delay, callback) => {
    const timer = setTimeout(callback, delay)
    return () => clearTimeout(timer)
  },
}
