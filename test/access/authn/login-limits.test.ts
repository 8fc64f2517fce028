import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLoginLimiter, type LoginBlock, type LoginLimits } from '../../../src/access/authn/login-limits.js'

const limits: LoginLimits = {
  failuresPerUserAndAddress: 3,
  failuresPerAddress: 8,
  failuresPerKnownLogin: 10,
  window: 60_000,
  block: 30_000,
  slowDown: 100,
  maxTracked: 100,
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function limiterOf(more: Partial<LoginLimits> = {}) {
  const began: LoginBlock[] = []
  const ended: LoginBlock[] = []
  const limiter = createLoginLimiter(
    { ...limits, ...more },
    { began: (block) => void began.push(block), ended: (block) => void ended.push(block) },
  )
  const fail = async (user: string, address: string, times = 1): Promise<number[]> => {
    const delays: number[] = []
    for (let at = 0; at < times; at++) delays.push(await limiter.failed(user, address))
    return delays
  }
  const allows = async (user: string, address: string): Promise<boolean> => (await limiter.check(user, address)).allowed
  return { limiter, began, ended, fail, allows }
}

describe('a user name from an address', () => {
  it('is blocked for a time after its failures, and then as new', async () => {
    const { limiter, fail, allows } = limiterOf()
    await fail('ops', '192.0.2.1', 2)
    expect(await allows('ops', '192.0.2.1')).toBe(true)
    await fail('ops', '192.0.2.1')
    vi.advanceTimersByTime(10_000)
    expect(await limiter.check('ops', '192.0.2.1')).toEqual({
      allowed: false,
      scope: 'user-and-address',
      retryAfter: 20_000,
      block: expect.any(String),
      knownMayPass: true,
    })
    vi.advanceTimersByTime(20_000)
    expect(await allows('ops', '192.0.2.1')).toBe(true)
    await fail('ops', '192.0.2.1', 2)
    expect(await allows('ops', '192.0.2.1')).toBe(true)
  })

  it('is blocked alone: not the name elsewhere, nor others there', async () => {
    const { fail, allows } = limiterOf()
    await fail('ops', '192.0.2.1', 3)
    expect(await allows('ops', '192.0.2.2')).toBe(true)
    expect(await allows('netops', '192.0.2.1')).toBe(true)
    expect(await allows('ops', '::ffff:192.0.2.1')).toBe(false)
  })

  it('of IPv6 is its name from the whole /64', async () => {
    const { fail, allows } = limiterOf()
    await fail('ops', '2001:db8::1')
    await fail('ops', '2001:db8::2')
    await fail('ops', '2001:db8::3')
    expect(await allows('ops', '2001:db8::4')).toBe(false)
    expect(await allows('ops', '2001:db8:0:1::4')).toBe(true)
  })

  it('is not blocked by failures that are further apart than the window', async () => {
    const { fail, allows } = limiterOf()
    for (let at = 0; at < 6; at++) {
      await fail('ops', '192.0.2.1')
      vi.advanceTimersByTime(31_000)
    }
    expect(await allows('ops', '192.0.2.1')).toBe(true)
  })

  it('has its failures forgotten by a success, which is none of the address', async () => {
    const { limiter, fail, allows } = limiterOf()
    for (let at = 0; at < 4; at++) {
      await fail('ops', '192.0.2.1', 2)
      await limiter.succeeded('ops', '192.0.2.1')
    }
    const standing = await limiter.check('ops', '192.0.2.1')
    expect(standing).toMatchObject({ allowed: false, scope: 'address' })
    expect(await allows('ops', '192.0.2.2')).toBe(true)
  })
})

describe('an address', () => {
  it('is blocked for everybody there after many failures of many names', async () => {
    const { limiter, fail, allows } = limiterOf()
    for (let at = 0; at < 4; at++) await fail(`user-${at}`, '192.0.2.1', 2)
    expect(await limiter.check('ops', '192.0.2.1')).toMatchObject({ allowed: false, scope: 'address' })
    expect(await allows('ops', '192.0.2.2')).toBe(true)
  })

  it('is not, however often one name is turned away while it is blocked', async () => {
    const { limiter, fail, allows } = limiterOf()
    await fail('ops', '192.0.2.1', 3)
    for (let at = 0; at < 50; at++) await limiter.turnedAway('ops', '192.0.2.1')
    expect(await allows('netops', '192.0.2.1')).toBe(true)
  })
})

describe('who is known at a blocked address', () => {
  it('may pass until there were too many guesses', async () => {
    const { limiter, fail } = limiterOf()
    await fail('ops', '192.0.2.1', 3)
    for (let at = 0; at < 6; at++) await limiter.turnedAway('ops', '192.0.2.1')
    expect(await limiter.check('ops', '192.0.2.1')).toMatchObject({ knownMayPass: true })
    await limiter.turnedAway('ops', '192.0.2.1')
    expect(await limiter.check('ops', '192.0.2.1')).toMatchObject({ knownMayPass: false })
  })
})

describe('a failure is answered', () => {
  it('after twice the time of the one before, up to eight times the first', async () => {
    const { fail } = limiterOf({ failuresPerUserAndAddress: 100 })
    expect(await fail('ops', '192.0.2.1', 6)).toEqual([100, 200, 400, 800, 800, 800])
    expect(await fail('netops', '192.0.2.1')).toEqual([100])
  })

  it('after the first time where it was turned away', async () => {
    const { limiter, fail } = limiterOf()
    await fail('ops', '192.0.2.1', 3)
    expect(await limiter.turnedAway('ops', '192.0.2.1')).toBe(100)
  })

  it('after the time of the last where it is not counted', async () => {
    const { limiter, fail } = limiterOf()
    expect(await limiter.slowDown('ops', '192.0.2.1')).toBe(100)
    await fail('ops', '192.0.2.1', 2)
    expect(await limiter.slowDown('ops', '192.0.2.1')).toBe(200)
    expect(await limiter.slowDown('ops', '192.0.2.1')).toBe(200)
  })
})

describe('a block is told', () => {
  it('once when it begins, and with how many it turned away when it ends', async () => {
    const { limiter, began, ended, fail } = limiterOf()
    await fail('ops', '2001:db8::1', 4)
    const block = { scope: 'user-and-address', user: 'ops', address: '2001:db8:0:0::/64', failures: 3, lasts: 30_000 }
    expect(began).toEqual([{ ...block, turnedAway: 0 }])
    for (let at = 0; at < 5; at++) await limiter.turnedAway('ops', '2001:db8::2')
    expect(ended).toEqual([])
    vi.advanceTimersByTime(30_000)
    expect(ended).toEqual([{ ...block, turnedAway: 5 }])
    await fail('ops', '2001:db8::1', 3)
    expect(began).toHaveLength(2)
  })
})

describe('what is remembered', () => {
  it('is bounded, whatever names are tried', async () => {
    const { fail, allows } = limiterOf({ maxTracked: 10, failuresPerAddress: 10_000 })
    await fail('ops', '192.0.2.1', 3)
    for (let at = 0; at < 9; at++) await fail(`user-${at}`, '192.0.2.1', 3)
    expect(await allows('ops', '192.0.2.1')).toBe(false)
    await fail('one-more', '192.0.2.1')
    expect(await allows('ops', '192.0.2.1')).toBe(true)
    expect(await allows('user-8', '192.0.2.1')).toBe(false)
    // One timer for each that is remembered, of names and of guesses, for the address, and for each block that will be
    // told.
    expect(vi.getTimerCount()).toBeLessThanOrEqual(10 + 10 + 1 + 10)
  })

  it('stays when the limits change', async () => {
    const { limiter, fail, allows } = limiterOf()
    await fail('ops', '192.0.2.1', 2)
    limiter.configure({ ...limits, failuresPerUserAndAddress: 2 })
    expect(await allows('ops', '192.0.2.1')).toBe(false)
    limiter.configure({ ...limits, failuresPerUserAndAddress: 20 })
    expect(await allows('ops', '192.0.2.1')).toBe(true)
  })
})
