/** What is taken of something that there is only so much of, and by whom. */
export interface Shares {
  readonly taken: number
  readonly free: number
  /** Whether a source may take one more: never more than twice what is free, so that there is always something left for another one. */
  mayHaveMore(network: string): boolean
  take(network: string): void
  give(network: string): void
}

/** How many times what is free one source may hold: alone it gets two thirds of everything, two of them two fifths each, and so on. */
const timesFree = 2

export function createShares(total: () => number): Shares {
  const held = new Map<string, number>()
  let taken = 0
  const free = (): number => Math.max(total() - taken, 0)
  return {
    get taken() {
      return taken
    },
    get free() {
      return free()
    },
    mayHaveMore: (network) => free() > 0 && (held.get(network) ?? 0) < timesFree * free(),
    take: (network) => {
      held.set(network, (held.get(network) ?? 0) + 1)
      taken += 1
    },
    give: (network) => {
      const left = (held.get(network) ?? 0) - 1
      if (left > 0) held.set(network, left)
      else held.delete(network)
      taken -= 1
    },
  }
}
