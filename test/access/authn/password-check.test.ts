import { describe, expect, it } from 'vitest'
import { createPasswordCheck } from '../../../src/access/authn/password-check.js'
import { hashPassword, type PasswordHash } from '../../../src/access/authn/password-hash.js'

const cheap = { ln: 4, r: 8, p: 1 }
const wrong = { ok: false, reason: 'wrong-password', hint: 'check the user name and the password' }
const busy = { ok: false, reason: 'busy', hint: 'too many logins at once, try again in a moment' }

/** A derivation that ends when the test says so. */
function heldDerivations() {
  const seen: PasswordHash[] = []
  const ends: ((matched: boolean) => void)[] = []
  return {
    seen,
    matches: (_: string, hash: PasswordHash) => {
      seen.push(hash)
      return new Promise<boolean>((end) => ends.push(end))
    },
    endNext: async (matched: boolean): Promise<void> => {
      ends.shift()?.(matched)
      await new Promise((done) => setImmediate(done))
    },
  }
}

describe('a password check', () => {
  it('tells right from wrong', async () => {
    const check = createPasswordCheck({ decoyCost: cheap })
    const user = { passwordHash: await hashPassword('secret', cheap) }
    expect(await check(user, 'secret')).toEqual({ ok: true })
    expect(await check(user, 'Secret')).toEqual(wrong)
    expect(await check(user, '')).toEqual(wrong)
  })

  it('is the same work and the same answer for a user who does not exist or has no password', async () => {
    const { seen, matches, endNext } = heldDerivations()
    const check = createPasswordCheck({ matches })
    for (const user of [undefined, {}, { passwordHash: 'broken' }]) {
      const verdict = check(user, 'secret')
      // Even should the decoy match, nobody gets in.
      await endNext(true)
      expect(await verdict).toEqual(wrong)
    }
    expect(seen.map(({ cost }) => cost)).toEqual(Array.from({ length: 3 }, () => ({ ln: 15, r: 8, p: 1 })))
  })

  it('runs two at a time, lets some wait in order, and is busy for more', async () => {
    const { seen, matches, endNext } = heldDerivations()
    const check = createPasswordCheck({ atOnce: 2, waiting: 2, matches })
    const salts = await Promise.all([1, 2, 3, 4].map((n) => hashPassword('x', cheap, Buffer.alloc(16, n))))
    const verdicts = salts.map((passwordHash) => check({ passwordHash }, 'x'))
    expect(await check({ passwordHash: salts[0] ?? '' }, 'x')).toEqual(busy)
    expect(await check(undefined, 'x')).toEqual(busy)
    expect(seen).toHaveLength(2)

    await endNext(true)
    expect(seen).toHaveLength(3)
    await endNext(false)
    await endNext(true)
    await endNext(true)
    expect(await Promise.all(verdicts)).toEqual([{ ok: true }, wrong, { ok: true }, { ok: true }])
    expect(seen.map(({ salt }) => salt[0])).toEqual([1, 2, 3, 4])

    const after = check({ passwordHash: salts[0] ?? '' }, 'x')
    await endNext(true)
    expect(await after).toEqual({ ok: true })
  })

  it('frees its place when a derivation fails', async () => {
    const failing = createPasswordCheck({
      atOnce: 1,
      waiting: 0,
      matches: () => Promise.reject(new Error('no memory')),
    })
    await expect(failing(undefined, 'x')).rejects.toThrow('no memory')
    await expect(failing(undefined, 'x')).rejects.toThrow('no memory')
  })
})
