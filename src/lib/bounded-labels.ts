/** Distinct values that one label may have. */
const MOST_WORDS = 64

/** What stands for any further word. */
export const OTHER_WORD = 'other'

/**
 * Keeps the values of a label few: reason words are made by code and are short, but should one ever hold what a peer
 * sent, it must not become a time series of its own.
 */
export function boundedWords(): (word: string) => string {
  const seen = new Set<string>()
  return (word) => {
    if (seen.has(word)) return word
    if (seen.size >= MOST_WORDS || !/^[a-z][a-z0-9-]{0,47}$/.test(word)) return OTHER_WORD
    seen.add(word)
    return word
  }
}
