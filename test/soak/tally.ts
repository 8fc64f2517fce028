/** What was done, what of it failed, and what the bridge acknowledged and must therefore have. */
export interface Tally {
  /**
   * Does something and counts how it went. What fails while failures are excused, or overlapped such a time, is counted
   * apart.
   * @returns what came of it; undefined where it failed
   */
  readonly attempt: <T>(kind: string, work: () => Promise<T>) => Promise<T | undefined>
  /** From now on failures are to be expected, or not any more. */
  readonly excuse: (excused: boolean) => void
  readonly rows: () => readonly TallyRow[]
  /** The first failures that nothing excuses. */
  readonly failures: readonly string[]
}

export interface TallyRow {
  readonly kind: string
  readonly done: number
  readonly excused: number
  readonly failed: number
}

const MOST_FAILURES = 20

export function createTally(): Tally {
  const counts = new Map<string, { done: number; excused: number; failed: number }>()
  const failures: string[] = []
  let excused = false
  /** How often failures came to be excused so far: an attempt during which it rose overlapped such a time. */
  let excuses = 0
  const of = (kind: string) => {
    const count = counts.get(kind) ?? { done: 0, excused: 0, failed: 0 }
    counts.set(kind, count)
    return count
  }
  return {
    attempt: async (kind, work) => {
      const before = excuses
      const wasExcused = excused
      try {
        const result = await work()
        of(kind).done += 1
        return result
      } catch (error) {
        if (wasExcused || excused || excuses !== before) of(kind).excused += 1
        else {
          of(kind).failed += 1
          if (failures.length < MOST_FAILURES)
            failures.push(
              `${new Date().toISOString()} ${kind}: ${error instanceof Error ? error.message : String(error)}`,
            )
        }
        return undefined
      }
    },
    excuse: (now) => {
      if (now) excuses += 1
      excused = now
    },
    rows: () => [...counts].map(([kind, count]) => ({ kind, ...count })),
    failures,
  }
}
