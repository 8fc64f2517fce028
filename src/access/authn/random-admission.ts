/** Asks whether who comes under this key may go on: false at once, or true, at once or when a round is over. */
export type RandomAdmission = (key: string) => Promise<boolean>

/** The time until the next may go on under a key. */
interface Round {
  /** Who will go on as it stands, and how many have come since the round began. */
  drawn: ((goesOn: boolean) => void) | undefined
  came: number
}

/**
 * Lets one go on under a key in each interval, drawn from all who come in it, each with the same chance. So who floods
 * a key is held back, without shutting out everybody else who comes under it. Nobody ever goes on where the interval is
 * 0.
 * @param interval milliseconds, asked for each new round
 * @param chance a number from 0 up to 1
 */
export function createRandomAdmission(interval: () => number, chance: () => number = Math.random): RandomAdmission {
  const rounds = new Map<string, Round>()

  const beginRound = (key: string): void => {
    const round: Round = { drawn: undefined, came: 0 }
    rounds.set(key, round)
    setTimeout(() => {
      rounds.delete(key)
      if (round.drawn === undefined) return
      round.drawn(true)
      beginRound(key)
    }, interval()).unref()
  }

  return (key) => {
    if (interval() === 0) return Promise.resolve(false)
    const round = rounds.get(key)
    if (round === undefined) {
      beginRound(key)
      return Promise.resolve(true)
    }
    round.came += 1
    if (chance() * round.came >= 1) return Promise.resolve(false)
    round.drawn?.(false)
    return new Promise((resolve) => {
      round.drawn = resolve
    })
  }
}
