/** What the clock of the engine says, by that of this node. */
export interface EngineTime {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Takes in an answer of the engine. */
  readonly answered: (sample: ClockSample) => void
  /** So many milliseconds `now` is wrong at most. */
  readonly error: () => number
}

/** An answer, and when it was asked for and there, by the clock of this node that never steps. */
export interface ClockSample {
  readonly asked: number
  readonly answered: number
  /** What the engine said, in milliseconds since 1970. */
  readonly engineNow: number
}

/** So many answers are kept; the quickest of them counts: it is wrong by half its way there and back at most. */
const KEPT = 8

interface Estimate {
  readonly offset: number
  readonly error: number
}

/** @param clock of this node, which never steps */
export function createEngineTime(clock: () => number): EngineTime {
  let estimates: readonly Estimate[] = []
  let best: Estimate | undefined

  return {
    now: () => Math.round(clock() + (best?.offset ?? 0)),
    answered: ({ asked, answered, engineNow }) => {
      const latest = { offset: engineNow - (asked + answered) / 2, error: (answered - asked) / 2 }
      // Either clock has stood still, or another engine answers: what was measured before is of no use.
      const stillTrue = estimates.filter(
        ({ offset, error }) => Math.abs(offset - latest.offset) <= error + latest.error + 1,
      )
      estimates = [...stillTrue, latest].slice(-KEPT)
      best = estimates.reduce((one, other) => (other.error < one.error ? other : one), latest)
    },
    error: () => best?.error ?? Number.POSITIVE_INFINITY,
  }
}
