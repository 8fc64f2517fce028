/** One number of one path: the median of its samples. */
export interface Measured {
  readonly path: string
  readonly value: number
  readonly samples: readonly number[]
}

/** A ratio that users are promised, and where it is. */
export interface Promised {
  readonly what: string
  readonly value: number
  readonly bound: 'at most' | 'at least'
  readonly allowed: number
  /**
   * False for what the short form tells and does not fail on: it hangs on single moments, which a few seconds hold too
   * few of.
   */
  readonly gate?: false
}

/** What one benchmark found. */
export interface Figure {
  readonly title: string
  readonly unit: string
  readonly measured: readonly Measured[]
  readonly promised: readonly Promised[]
}

/** How much work to do: the whole, or as much as tells a slow commit. */
export interface Effort {
  readonly quick: boolean
  /** How often each path is measured; they take turns. */
  readonly rounds: number
}

export interface Benchmark {
  readonly name: string
  /** One line for the list of benchmarks. */
  readonly about: string
  /** Whether the quick form runs it. */
  readonly quick: boolean
  readonly run: (effort: Effort) => Promise<readonly Figure[]>
}

/** Whether a promise is kept; `slack` times as much is let pass. */
export function isKept({ value, bound, allowed }: Promised, slack = 1): boolean {
  return bound === 'at most' ? value <= allowed * slack : value >= allowed / slack
}
