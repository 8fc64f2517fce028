import { createFairShare, USER_SHARES } from './fair-share.js'

export interface UserPlaceLimits {
  /** How many places there are. */
  readonly most: number
  /** How many of them one user may have; where not given, nine tenths of all for one alone. */
  readonly mostPerUser?: number | undefined
}

/** A place, or whose bound is reached: that of all, or that of the user, who holds so many. */
export type Entrance =
  | {
      readonly ok: true
      /** Gives the place back, once, however often it is called. */
      readonly leave: () => void
    }
  | { readonly ok: false; readonly bound: 'all' | 'user'; readonly heldByUser: number }

/** Places that users have at the same time: connections, calls, streams. Who gets none does not wait for one. */
export interface UserPlaces {
  readonly taken: number
  readonly full: boolean
  readonly enter: (user: string) => Entrance
}

/** @param limits asked each time */
export function createUserPlaces(limits: () => UserPlaceLimits): UserPlaces {
  const shares = createFairShare(() => limits().most, USER_SHARES)
  return {
    get taken() {
      return shares.taken
    },
    get full() {
      return shares.free === 0
    },
    enter: (user) => {
      const { mostPerUser } = limits()
      const heldByUser = shares.holds(user)
      if (shares.free === 0) return { ok: false, bound: 'all', heldByUser }
      const mayHaveMore = mostPerUser === undefined ? shares.mayHaveMore(user) : heldByUser < mostPerUser
      if (!mayHaveMore) return { ok: false, bound: 'user', heldByUser }
      shares.take(user)
      let inside = true
      return {
        ok: true,
        leave: () => {
          if (!inside) return
          inside = false
          shares.give(user)
        },
      }
    },
  }
}
