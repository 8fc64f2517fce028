import { createHmac, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'

/** Remembers something under secret words, such as a name and a password, without keeping the words. */
export interface SecretCache<T> {
  /** What was remembered under these words, unless its time is over. */
  readonly recall: (words: readonly string[]) => T | undefined
  /** @param lifetime milliseconds; 0 remembers nothing */
  readonly remember: (words: readonly string[], value: T, lifetime: number) => void
  readonly forget: (words: readonly string[]) => void
}

/**
 * Makes a memory of at most `most` entries; the one that was used longest ago makes room.
 * What it is kept under is an HMAC with a key that only this process knows, and only as long as it runs.
 */
export function createSecretCache<T>(most: number): SecretCache<T> {
  const secret = randomBytes(32)
  const entries = new LRUCache<string, { readonly value: T; readonly until: number }>({ max: most })
  const under = (words: readonly string[]): string =>
    createHmac('sha256', secret).update(JSON.stringify(words)).digest('base64')
  return {
    recall: (words) => {
      const key = under(words)
      const entry = entries.get(key)
      if (entry === undefined || entry.until > Date.now()) return entry?.value
      entries.delete(key)
      return undefined
    },
    remember: (words, value, lifetime) => {
      if (lifetime === 0) return
      entries.set(under(words), { value, until: Date.now() + lifetime })
    },
    forget: (words) => void entries.delete(under(words)),
  }
}
