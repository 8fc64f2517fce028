/**
 * The newest of many words, such as sources that have proven who they are. Whoever is forgotten is a stranger again.
 */
export interface NewestSet {
  readonly has: (word: string) => boolean
  /** Adds a word, or makes it the newest. */
  readonly add: (word: string) => void
}

/**
 * @param options.max how many are remembered; asked anew each time
 * @param options.onForgotten told of each that was forgotten because there were more
 */
export function createNewestSet({
  max,
  onForgotten = () => undefined,
}: {
  readonly max: () => number
  readonly onForgotten?: (() => void) | undefined
}): NewestSet {
  const words = new Set<string>()
  return {
    has: (word) => words.has(word),
    add: (word) => {
      words.delete(word)
      words.add(word)
      while (words.size > max()) {
        const [oldest] = words
        if (oldest === undefined) return
        words.delete(oldest)
        onForgotten()
      }
    },
  }
}
