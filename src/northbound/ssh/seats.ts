import { clientRefusal } from '../../fleet/refusals/clients.js'
import { createFairShare, USER_SHARES } from '../../net/fair-share.js'

export interface SeatLimits {
  /** Connections of clients that have logged in: of all, and of one user. */
  readonly maxConnections: number
  /** Nine tenths of all for one alone, where not given. */
  readonly maxConnectionsPerUser?: number
}

/** Connections of clients that have logged in: how many there may be, and how many of one user. */
export interface Seats {
  /** Whether nobody may have one more. */
  readonly full: () => boolean
  /** @returns why the user may have no more, or undefined: then it has one until `give` */
  readonly take: (user: string) => ReturnType<typeof noSeat> | undefined
  readonly give: (user: string) => void
}

export function createSeats(limits: () => SeatLimits): Seats {
  const shares = createFairShare(() => limits().maxConnections, USER_SHARES)
  return {
    full: () => shares.free === 0,
    take: (user) => {
      if (shares.free === 0) return noSeat()
      const most = limits().maxConnectionsPerUser
      if (most === undefined ? !shares.mayHaveMore(user) : shares.holds(user) >= most) return noSeat(shares.holds(user))
      shares.take(user)
      return undefined
    },
    give: (user) => shares.give(user),
  }
}

const noSeat = (heldByUser?: number) => clientRefusal('too-many-connections', heldByUser)
