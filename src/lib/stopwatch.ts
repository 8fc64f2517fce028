/** Measures from now on. */
export interface Stopwatch {
  /** Time so far, without that of what it was paused for. */
  readonly seconds: () => number
  /** Does something that does not count. */
  readonly paused: <T>(work: () => Promise<T>) => Promise<T>
}

export function stopwatch(now = () => performance.now()): Stopwatch {
  let began = now()
  return {
    seconds: () => (now() - began) / 1000,
    paused: async (work) => {
      const paused = now()
      try {
        return await work()
      } finally {
        began += now() - paused
      }
    },
  }
}
