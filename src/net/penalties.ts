import { LRUCache } from 'lru-cache'

/** What a source is penalised for, as OpenSSH's PerSourcePenalties tells them apart. */
export const OFFENCES = ['garbage', 'timeout', 'unfinished', 'failed-login'] as const

export type Offence = (typeof OFFENCES)[number]

/** Times in milliseconds. */
export interface PenaltyRules {
  /** What each offence costs; 0 costs nothing. */
  readonly costs: Readonly<Record<Offence, number>>
  /** Penalties below this are noted, but keep nobody out. */
  readonly minimum: number
  /** No penalty is longer. */
  readonly maximum: number
  /** Sources that are remembered; the one that was penalised longest ago is forgotten. */
  readonly maxTracked: number
  /** Whether a source is never penalised. */
  readonly isExempt: (network: string) => boolean
}

/** Which sources are kept out for a while. Penalties add up; they are over by themselves. */
export interface Penalties {
  /** Milliseconds that connections from there are still refused; 0 where they are not. */
  readonly left: (network: string) => number
  /** @returns milliseconds that the source is kept out from now on, where it was not kept out before */
  readonly punish: (network: string, offence: Offence) => number | undefined
  readonly configure: (rules: PenaltyRules) => void
}

interface Penalty {
  /** When it is over, on the clock of `now`. */
  readonly until: number
  /** Whether it has reached the minimum. */
  readonly keepsOut: boolean
}

export function createPenalties(initial: PenaltyRules, now: () => number = () => performance.now()): Penalties {
  let rules = initial
  let table = tableOf(initial)

  const standing = (network: string): Penalty | undefined => {
    const penalty = table.peek(network)
    return penalty === undefined || penalty.until <= now() ? undefined : penalty
  }

  return {
    left: (network) => {
      const penalty = standing(network)
      return penalty?.keepsOut === true && !rules.isExempt(network) ? penalty.until - now() : 0
    },
    punish: (network, offence) => {
      const cost = rules.costs[offence]
      if (cost === 0 || rules.isExempt(network)) return undefined
      const before = standing(network)
      const until = Math.min((before?.until ?? now()) + cost, now() + rules.maximum)
      const keepsOut = before?.keepsOut === true || until - now() >= rules.minimum
      table.set(network, { until, keepsOut })
      return keepsOut && before?.keepsOut !== true ? until - now() : undefined
    },
    configure: (next) => {
      const { maxTracked } = rules
      rules = next
      if (next.maxTracked === maxTracked) return
      const kept = table.dump()
      table = tableOf(next)
      table.load(kept)
    },
  }
}

function tableOf({ maxTracked }: PenaltyRules): LRUCache<string, Penalty> {
  return new LRUCache({ max: maxTracked })
}
