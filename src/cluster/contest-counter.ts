/** Counts how often devices move away from this node. */
export interface ContestCounter {
  /** A device has moved. Says whether it does so again and again, once within the time. */
  readonly note: (deviceId: string) => boolean
}

/** Milliseconds within which moves are counted together, and how many are taken for those of a device that redials. */
const WINDOW = 60_000
const MOST_MOVES = 3

/** Devices that are remembered; thousands move at once where a node is drained, once each. */
const MAX_DEVICES = 10_000

interface Moves {
  readonly since: number
  count: number
}

export function createContestCounter(now: () => number): ContestCounter {
  const moves = new Map<string, Moves>()
  return {
    note: (deviceId) => {
      const known = moves.get(deviceId)
      if (known === undefined || now() - known.since > WINDOW) {
        moves.delete(deviceId)
        const [oldest] = moves.keys()
        if (moves.size >= MAX_DEVICES && oldest !== undefined) moves.delete(oldest)
        moves.set(deviceId, { since: now(), count: 1 })
        return false
      }
      known.count += 1
      return known.count === MOST_MOVES
    },
  }
}
