import { createFairShare, USER_SHARES } from '../../net/fair-share.js'

export interface SeatLimits {
  readonly maxConnections: number
  /** Of one user; nine tenths of all for one alone, where not given. */
  readonly maxConnectionsPerUser?: number
}

/** Connections of clients that have logged in: how many there may be, and how many of one user. */
export interface Seats {
  /** Whether nobody may have one more. */
  full(): boolean
  /** @returns why the user may have no more, or undefined: then it has one until `give` */
  take(user: string): string | undefined
  give(user: string): void
}

export function createSeats(limits: () => SeatLimits): Seats {
  const shares = createFairShare(() => limits().maxConnections, USER_SHARES)
  return {
    full: () => shares.free === 0,
    take: (user) => {
      if (shares.free === 0) return 'too many clients are connected already'
      const most = limits().maxConnectionsPerUser
      if (most === undefined ? !shares.mayHaveMore(user) : shares.holds(user) >= most)
        return `this user has ${shares.holds(user)} connections already; close some, or raise endpoint.ssh.max-connections-per-user`
      shares.take(user)
      return undefined
    },
    give: (user) => shares.give(user),
  }
}
