import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createJwtCheck, type JwtCheck } from '../../../src/access/authn/jwt-check.js'
import { audience, type IdentityProvider, startIdentityProvider } from '../../e2e/parts/identity-provider.js'

let provider: IdentityProvider
let check: JwtCheck

beforeEach(async () => {
  provider = await startIdentityProvider()
  check = createJwtCheck({
    issuer: provider.issuer,
    audience,
    userClaim: 'preferred_username',
    rolesClaim: 'roles',
    algorithms: ['RS256'],
    clockSkew: 0,
    fetchTimeout: 5000,
  })
})
afterEach(async () => {
  vi.useRealTimers()
  await provider.stop()
})

/** Lets the time of day go on; timers and sockets are left alone. */
function after(milliseconds: number): void {
  const then = Date.now() + milliseconds
  vi.useFakeTimers({ toFake: ['Date'], now: then })
}

describe('the keys of an issuer', () => {
  it('are fetched once for many tokens', async () => {
    for (let token = 0; token < 5; token += 1) expect((await check(await provider.sign({}))).ok).toBe(true)
    expect(provider.keysAsked()).toBe(1)
  })

  it('that were changed are fetched again for a token of a key that is not known, and the old one counts no longer', async () => {
    const old = await provider.sign({ exp: Math.floor(Date.now() / 1000) + 3600 })
    expect((await check(old)).ok).toBe(true)
    await provider.changeKey()
    after(31_000)
    expect(await check(await provider.sign({}))).toMatchObject({ ok: true, user: 'ivy', roles: [] })
    expect(provider.keysAsked()).toBe(2)
    expect(await check(old)).toMatchObject({ ok: false, reason: 'invalid', message: expect.stringContaining('no key') })
  })

  it('are not asked for by each of many tokens of a key that is not known', async () => {
    expect((await check(await provider.sign({}))).ok).toBe(true)
    await provider.changeKey()
    for (let token = 0; token < 20; token += 1)
      expect(await check(await provider.sign({}))).toMatchObject({ ok: false, reason: 'invalid' })
    expect(provider.keysAsked()).toBe(1)
  })

  it('that an issuer gave up without a new token are noticed when they have been kept for ten minutes', async () => {
    const old = await provider.sign({ exp: Math.floor(Date.now() / 1000) + 3600 })
    expect((await check(old)).ok).toBe(true)
    await provider.changeKey()
    expect((await check(old)).ok).toBe(true)
    after(601_000)
    expect((await check(old)).ok).toBe(false)
  })
})
