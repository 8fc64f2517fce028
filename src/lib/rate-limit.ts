/** How many things of a kind pass in each interval. */
export interface RateLimitBounds {
  /** Of one party. */
  readonly each: number
  /** Of all parties together. */
  readonly all: number
  /** Milliseconds. */
  readonly interval: number
}

/**
 * Asks whether one more thing of a kind passes, such as a line of the log that strangers cause.
 * @param party who caused it
 * @returns how many of the kind were held back since the last that passed, or undefined where this one is held back
 */
export type RateLimit = (kind: string, party: string, bounds?: RateLimitBounds) => number | undefined

interface Interval {
  readonly began: number
  passed: number
  readonly passedOf: Map<string, number>
  heldBack: number
}

/** @param usual bounds of kinds that are asked for without bounds of their own; kinds are few words of the code */
export function createRateLimit(usual: RateLimitBounds, now: () => number = Date.now): RateLimit {
  const kinds = new Map<string, Interval>()
  return (kind, party, { each, all, interval } = usual) => {
    let current = kinds.get(kind)
    if (current === undefined || now() - current.began >= interval) {
      current = { began: now(), passed: 0, passedOf: new Map(), heldBack: current?.heldBack ?? 0 }
      kinds.set(kind, current)
    }
    const ofParty = current.passedOf.get(party) ?? 0
    if (ofParty >= each || current.passed >= all) {
      current.heldBack += 1
      return undefined
    }
    // No more parties than things pass are remembered.
    current.passedOf.set(party, ofParty + 1)
    current.passed += 1
    const { heldBack } = current
    current.heldBack = 0
    return heldBack
  }
}
