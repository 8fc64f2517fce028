/** Bytes of the bodies of all requests that are under way; no user takes all of them. */
export interface BodyBudget {
  /** Bytes that one request takes, more and more as they come. Each is given back by `release`, once. */
  readonly open: (user: string) => Reservation
  readonly taken: number
}

export interface Reservation {
  /** False where there is no room for so many more. */
  readonly take: (bytes: number) => boolean
  readonly release: () => void
}

/** How long the body of a call may be, and what to do about one that is longer. */
export interface BodyBound {
  readonly bytes: number
  readonly hint?: string
}

/** What a call may send. */
export interface BodyBounds {
  readonly bound: BodyBound
  readonly budget: BodyBudget
}

/** How many times what is free one user may hold: alone nine tenths of all. */
const TIMES_FREE = 9

export function createBodyBudget(total: () => number): BodyBudget {
  const held = new Map<string, number>()
  let taken = 0

  const mayTake = (user: string, bytes: number): boolean => {
    // One body alone is bounded by max-request-size, which may be larger.
    if (taken === 0) return true
    const free = total() - taken - bytes
    return free >= 0 && (held.get(user) ?? 0) + bytes <= TIMES_FREE * free
  }
  const change = (user: string, bytes: number): void => {
    const now = (held.get(user) ?? 0) + bytes
    if (now > 0) held.set(user, now)
    else held.delete(user)
    taken += bytes
  }
  return {
    open: (user) => {
      let reserved = 0
      return {
        take: (bytes) => {
          if (!mayTake(user, bytes) && !(taken === reserved)) return false
          reserved += bytes
          change(user, bytes)
          return true
        },
        release: () => {
          change(user, -reserved)
          reserved = 0
        },
      }
    },
    get taken() {
      return taken
    },
  }
}
