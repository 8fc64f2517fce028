/** Who goes before whom: devices that were attached before, those that may come, and everybody else. */
export const RANKS = ['familiar', 'expected', 'stranger'] as const

export type Rank = (typeof RANKS)[number]

/** One in so many goes to the lowest rank that waits, so that no rank waits for ever. */
const LOWEST_EVERY = 8

/** Those who wait, by rank, and in each rank one from each source in turn. */
export interface FairQueue<T> {
  readonly size: number
  readonly add: (waiter: T, rank: Rank, network: string) => void
  readonly delete: (waiter: T, rank: Rank, network: string) => void
  /** Takes the next one whose source may have one more. */
  readonly next: (mayHaveMore: (network: string) => boolean) => T | undefined
}

export function createFairQueue<T>(): FairQueue<T> {
  // A source that had its turn goes to the end of its map.
  const ranks: Record<Rank, Map<string, Set<T>>> = {
    familiar: new Map(),
    expected: new Map(),
    stranger: new Map(),
  }
  let size = 0
  let taken = 0

  const remove = (waiter: T, rank: Rank, network: string): boolean => {
    const waiters = ranks[rank].get(network)
    if (waiters?.delete(waiter) !== true) return false
    size -= 1
    if (waiters.size === 0) ranks[rank].delete(network)
    return true
  }

  return {
    get size() {
      return size
    },
    add: (waiter, rank, network) => {
      const waiters = ranks[rank].get(network) ?? new Set()
      ranks[rank].set(network, waiters.add(waiter))
      size += 1
    },
    delete: remove,
    next: (mayHaveMore) => {
      const order = (taken + 1) % LOWEST_EVERY === 0 ? RANKS.toReversed() : RANKS
      for (const rank of order)
        for (const [network, waiters] of ranks[rank]) {
          const [waiter] = waiters
          if (waiter === undefined || !mayHaveMore(network)) continue
          taken += 1
          if (remove(waiter, rank, network) && waiters.size > 0) {
            ranks[rank].delete(network)
            ranks[rank].set(network, waiters)
          }
          return waiter
        }
      return undefined
    },
  }
}
