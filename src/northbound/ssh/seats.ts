import { createUserPlaces, type UserPlaces } from '../../net/user-places.js'

export interface SeatLimits {
  /** Connections of clients that have logged in: of all, and of one user. */
  readonly maxConnections: number
  /** Nine tenths of all for one alone, where not given. */
  readonly maxConnectionsPerUser?: number
}

/** Connections of clients that have logged in: how many there may be, and how many of one user. */
export function createSeats(limits: () => SeatLimits): UserPlaces {
  return createUserPlaces(() => {
    const { maxConnections, maxConnectionsPerUser } = limits()
    return { most: maxConnections, mostPerUser: maxConnectionsPerUser }
  })
}
