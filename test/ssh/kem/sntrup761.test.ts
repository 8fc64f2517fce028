import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { encapsulate, type Random, sntrup761 } from '../../../src/ssh/kem/sntrup761.js'

/** The same bytes each time. */
const fixed =
  (seed: string): Random =>
  (count) =>
    createHash('shake256', { outputLength: count }).update(seed).digest()
const publicKey = (seed: string): Buffer => fixed(seed)(sntrup761.publicKeyLength)

describe('what is encapsulated for a key of Streamlined NTRU Prime', () => {
  it('is another secret in another ciphertext each time', () => {
    const made = Array.from({ length: 10 }, () => sntrup761.encapsulate(publicKey('key')))
    for (const { secret, ciphertext } of made) expect([secret.length, ciphertext.length]).toEqual([32, 1039])
    expect(new Set(made.map(({ secret }) => Buffer.from(secret).toString('hex'))).size).toBe(10)
    expect(new Set(made.map(({ ciphertext }) => Buffer.from(ciphertext).toString('hex'))).size).toBe(10)
  })

  // OpenSSH gets the same secret out of what this makes (test/e2e/post-quantum-key-exchange.long.test.ts).
  it('is what it was when OpenSSH took it', () => {
    const made = ['a', 'b', 'c'].map((seed) => encapsulate(publicKey(seed), fixed(`random ${seed}`)))
    const all = createHash('sha256')
    for (const { secret, ciphertext } of made) all.update(ciphertext).update(secret)
    expect(all.digest('hex')).toBe('d905a41d9fd333c84844dcb4785cf3aae8b81d286846bd9d4a1193da1a56ca60')
  })

  it.each([
    ['zeros', Buffer.alloc(1158)],
    ['ones', Buffer.alloc(1158, 0xff)],
  ])('is something for a key of nothing but %s, too: each sequence of bytes is a key', (_what, key) => {
    expect(sntrup761.encapsulate(key).ciphertext).toHaveLength(1039)
  })
})
