/** How many sessions of clients are being served, until their clients have heard all that is said to them. */
export interface Serving {
  /** One begins; returns what tells that it is over. */
  readonly begin: () => () => void
  /** Settles once there is none. */
  readonly none: () => Promise<void>
}

export function createServing(): Serving {
  const waiting = new Set<() => void>()
  let count = 0
  return {
    begin: () => {
      count += 1
      let over = false
      return () => {
        if (over) return
        over = true
        count -= 1
        if (count > 0) return
        for (const settle of waiting) settle()
        waiting.clear()
      }
    },
    none: () => (count === 0 ? Promise.resolve() : new Promise((settle) => waiting.add(settle))),
  }
}
