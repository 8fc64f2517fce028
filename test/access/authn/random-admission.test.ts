import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createRandomAdmission } from '../../../src/access/authn/random-admission.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** What became of each who came, as far as that is known. */
function cameTo(draw: ReturnType<typeof createRandomAdmission>) {
  const fates: Record<string, boolean | undefined> = {}
  return {
    fates,
    come: async (name: string, key = 'key'): Promise<void> => {
      fates[name] = undefined
      void draw(key).then((goesOn) => {
        fates[name] = goesOn
      })
      await vi.advanceTimersByTimeAsync(0)
    },
  }
}

describe('a draw', () => {
  it('lets the first go on at once, and one of those who come after it when the time is over', async () => {
    const chances = [0.9, 0.4, 0.9]
    const { fates, come } = cameTo(
      createRandomAdmission(
        () => 1000,
        () => chances.shift() ?? 0,
      ),
    )
    for (const name of ['first', 'second', 'third', 'fourth']) await come(name)
    // The third came with one chance in two and had it; the fourth with one in three, and had it not.
    expect(fates).toEqual({ first: true, second: false, third: undefined, fourth: false })
    await vi.advanceTimersByTimeAsync(1000)
    expect(fates['third']).toBe(true)
  })

  it('keeps the distance between two that go on, and forgets a key that nobody comes under', async () => {
    const { fates, come } = cameTo(createRandomAdmission(() => 1000))
    await come('first')
    await come('second')
    await vi.advanceTimersByTimeAsync(1000)
    await come('third')
    expect(fates).toEqual({ first: true, second: true, third: undefined })
    await vi.advanceTimersByTimeAsync(1000)
    expect(fates['third']).toBe(true)
    await vi.advanceTimersByTimeAsync(1000)
    expect(vi.getTimerCount()).toBe(0)
    await come('fourth')
    expect(fates['fourth']).toBe(true)
  })

  it('has rounds of its own for each key', async () => {
    const { fates, come } = cameTo(createRandomAdmission(() => 1000))
    await come('a', 'one')
    await come('b', 'two')
    expect(fates).toEqual({ a: true, b: true })
  })

  it('lets nobody go on where there is no interval', async () => {
    const { fates, come } = cameTo(createRandomAdmission(() => 0))
    await come('a')
    expect(fates).toEqual({ a: false })
  })

  it('gives everybody the same chance', async () => {
    const wins = [0, 0, 0, 0]
    for (let round = 0; round < 2000; round++) {
      const draw = createRandomAdmission(() => 1000)
      void draw('key')
      wins.forEach((_, at) => {
        void draw('key').then((goesOn) => {
          if (goesOn) wins[at] = (wins[at] ?? 0) + 1
        })
      })
      await vi.advanceTimersByTimeAsync(1000)
    }
    // Each 500 of 2000; six standard deviations, so that chance never fails this.
    for (const won of wins) expect(Math.abs(won - 500)).toBeLessThan(120)
  })
})
