import { widerNetworkOf } from './source-network.js'

/** What is taken of something that there is only so much of, and by whom. */
export interface FairShare {
  readonly taken: number
  readonly free: number
  /**
   * Whether a source may take one more: never more than twice what is free, and all sources of the network around it
   * never more than four times that, so that there is always something left for another one.
   */
  readonly mayHaveMore: (network: string) => boolean
  /** How many a source has. */
  readonly holds: (network: string) => number
  readonly take: (network: string) => void
  readonly give: (network: string) => void
}

/**
 * How many times what is free one source may hold: alone it gets two thirds of everything, two of them two fifths each,
 * and so on.
 */
const TIMES_FREE = 2
/** The same for the network around it (IPv4 /24, IPv6 /48): four fifths of everything, however many sources it has. */
const TIMES_FREE_AROUND = 4

/** How far one party may go; what is not given is as for sources on the network. */
export interface ShareRules {
  /** Whether a source may take all that is free. */
  readonly isUnlimited?: (network: string) => boolean
  readonly timesFree?: number
  readonly timesFreeAround?: number
}

/** Users of the bridge have proven who they are: one alone gets nine tenths of everything. */
export const USER_SHARES: ShareRules = { timesFree: 9, timesFreeAround: Infinity }

/** @param total how many there are */
export function createFairShare(
  total: () => number,
  { isUnlimited = () => false, timesFree = TIMES_FREE, timesFreeAround = TIMES_FREE_AROUND }: ShareRules = {},
): FairShare {
  const held = new Map<string, number>()
  let taken = 0
  const free = (): number => Math.max(total() - taken, 0)
  const holds = (network: string): number => held.get(network) ?? 0
  const change = (network: string, by: 1 | -1): void => {
    const now = holds(network) + by
    if (now > 0) held.set(network, now)
    else held.delete(network)
  }
  /** A source and the network around it; what has none around it is counted once. */
  const placesOf = (network: string): ReadonlySet<string> => new Set([network, widerNetworkOf(network)])
  return {
    get taken() {
      return taken
    },
    get free() {
      return free()
    },
    holds,
    mayHaveMore: (network) =>
      free() > 0 &&
      (isUnlimited(network) ||
        (holds(network) < timesFree * free() && holds(widerNetworkOf(network)) < timesFreeAround * free())),
    take: (network) => {
      for (const place of placesOf(network)) change(place, 1)
      taken += 1
    },
    give: (network) => {
      for (const place of placesOf(network)) change(place, -1)
      taken -= 1
    },
  }
}
