import { RateLimiterMemory } from 'rate-limiter-flexible'

/** Counts failures under keys, each for a window from its first one, and blocks a key that reaches its number. */
export interface FailureCounter {
  /** Counts one more. */
  readonly count: (key: string) => Promise<Count>
  /** How a key stands. */
  readonly look: (key: string) => Promise<Count>
  readonly forget: (key: string) => Promise<void>
  readonly configure: (bounds: FailureBounds) => void
}

export interface Count {
  readonly failures: number
  /** Milliseconds that the key stays blocked; 0 when it is not. */
  readonly blockedFor: number
}

export interface FailureBounds {
  /** The failure that blocks. */
  readonly failures: number
  /** Milliseconds from the first failure, after which they are forgotten. */
  readonly window: number
  /** Milliseconds from the failure that blocks, after which all of them are forgotten. */
  readonly block: number
  /** Keys that are remembered; the one that failed longest ago makes room. */
  readonly maxTracked: number
}

export function createFailureCounter(initial: FailureBounds): FailureCounter {
  let bounds = initial
  // The limiter keeps every key until its time is over; how many there may be is for us to bound.
  const keys = new Set<string>()
  const limiter = new RateLimiterMemory(limiterOptions(initial))

  const standing = ({ consumedPoints, msBeforeNext }: Consumed): Count => ({
    failures: consumedPoints,
    blockedFor: consumedPoints >= bounds.failures ? Math.max(msBeforeNext, 0) : 0,
  })
  return {
    count: async (key) => {
      keys.delete(key)
      keys.add(key)
      for (const oldest of keys) {
        if (keys.size <= bounds.maxTracked) break
        keys.delete(oldest)
        await limiter.delete(oldest)
      }
      // Reaching the number is a rejection whose value is the same count.
      return standing(await limiter.consume(key).catch((reached: Consumed) => reached))
    },
    look: async (key) => {
      const found = await limiter.get(key)
      if (found !== null) return standing(found)
      keys.delete(key)
      return { failures: 0, blockedFor: 0 }
    },
    forget: async (key) => {
      keys.delete(key)
      await limiter.delete(key)
    },
    configure: (next) => {
      bounds = next
      const { points, duration, blockDuration } = limiterOptions(next)
      limiter.points = points
      limiter.duration = duration
      limiter.blockDuration = blockDuration
    },
  }
}

type Consumed = { readonly consumedPoints: number; readonly msBeforeNext: number }

/** The limiter blocks what comes after its points are consumed, and counts in seconds. */
function limiterOptions({ failures, window, block }: FailureBounds) {
  return { points: failures - 1, duration: window / 1000, blockDuration: block / 1000 }
}
