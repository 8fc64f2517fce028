import { monitorEventLoopDelay } from 'node:perf_hooks'

/** How late the event loop came to what was due, in seconds. */
export interface EventLoopDelay {
  readonly median: number
  readonly p99: number
  readonly longest: number
}

export interface EventLoopDelayMeter {
  /** Of the time since it was read last. */
  readonly read: () => EventLoopDelay
  readonly stop: () => void
}

/** Milliseconds between two looks at the clock. */
const RESOLUTION = 10

/** Looks at the clock ever so often; what was longer than that is delay. */
export function measureEventLoopDelay(): EventLoopDelayMeter {
  const seen = monitorEventLoopDelay({ resolution: RESOLUTION })
  seen.enable()
  const delay = (nanoseconds: number): number => Math.max(nanoseconds / 1e6 - RESOLUTION, 0) / 1000
  return {
    read: () => {
      const read =
        seen.count === 0
          ? { median: 0, p99: 0, longest: 0 }
          : { median: delay(seen.percentile(50)), p99: delay(seen.percentile(99)), longest: delay(seen.max) }
      seen.reset()
      return read
    },
    stop: () => void seen.disable(),
  }
}
