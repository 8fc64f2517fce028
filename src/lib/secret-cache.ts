import { createHmac, randomBytes } from 'node:crypto'

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
  const entries = new Map<string, { readonly value: T; readonly until: number }>()
  const under = (words: readonly string[]): string =>
    createHmac('sha256', secret).update(JSON.stringify(words)).digest('base64')
  return {
    recall: (words) => {
      const key = under(words)
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      entries.delete(key)
      if (entry.until <= Date.now()) return undefined
      entries.set(key, entry)
      return entry.value
    },
    remember: (words, value, lifetime) => {
      if (lifetime === 0) return
      const key = under(words)
      entries.delete(key)
      entries.set(key, { value, until: Date.now() + lifetime })
      for (const oldest of entries.keys()) {
        if (entries.size <= most) break
        entries.delete(oldest)
      }
    },
    forget: (words) => void entries.delete(under(words)),
  }
}
