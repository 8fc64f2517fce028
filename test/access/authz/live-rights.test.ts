import { describe, expect, it, vi } from 'vitest'
import { createLiveRights } from '../../../src/access/authz/live-rights.js'
import type { RightEnd } from '../../../src/access/authz/right-end.js'
import { rightEnd } from '../../../src/fleet/refusals/session-ends.js'

const gone = rightEnd('user-removed', 'ann')
const turn = () => new Promise((resolve) => setImmediate(resolve))
const fail = (error: unknown): never => {
  throw error
}

describe('the register of what is live', () => {
  it('ends what has lost its right, once, and nothing else', async () => {
    const live = createLiveRights(fail)
    const ended: [number, RightEnd][] = []
    const lost = new Set<number>()
    for (let one = 0; one < 350; one += 1)
      live.watch({ check: () => (lost.has(one) ? gone : undefined), end: (why) => ended.push([one, why]) })
    live.recheck()
    for (let turns = 0; turns < 10; turns += 1) await turn()
    expect(ended).toEqual([])
    lost.add(3).add(349)
    live.recheck()
    live.recheck()
    for (let turns = 0; turns < 10; turns += 1) await turn()
    live.recheck()
    await turn()
    expect(ended).toEqual([
      [3, gone],
      [349, gone],
    ])
    expect(live.count()).toBe(348)
  })

  it('looks at all again where something changes while it looks', async () => {
    const live = createLiveRights(fail)
    const ended: number[] = []
    let lost = false
    for (let one = 0; one < 250; one += 1)
      live.watch({ check: () => (lost && one === 0 ? gone : undefined), end: () => ended.push(one) })
    live.recheck()
    // The first was looked at already.
    lost = true
    live.recheck()
    for (let turns = 0; turns < 10; turns += 1) await turn()
    expect(ended).toEqual([0])
  })

  it('ends what had lost its right before it began', async () => {
    const live = createLiveRights(fail)
    const end = vi.fn()
    live.watch({ check: async () => gone, end })
    await turn()
    expect(end).toHaveBeenCalledExactlyOnceWith(gone)
  })

  it('ends nothing that is over, also where its check was under way', async () => {
    const live = createLiveRights(fail)
    const end = vi.fn()
    let answer: (why: RightEnd) => void = () => undefined
    const release = live.watch({ check: () => new Promise((resolve) => (answer = resolve)), end })
    release()
    answer(gone)
    await turn()
    expect([end.mock.calls, live.count()]).toEqual([[], 0])
  })

  it('goes on, and tells, where a check fails', async () => {
    const faults: unknown[] = []
    const live = createLiveRights((error) => faults.push(error))
    const end = vi.fn()
    const fault = new Error('the store is away')
    live.watch({ check: () => Promise.reject(fault), end })
    await turn()
    expect([faults, end.mock.calls, live.count()]).toEqual([[fault], [], 1])
  })
})

describe('a date at which a right ends', () => {
  it('is waited for, however far away', () => {
    vi.useFakeTimers()
    try {
      const live = createLiveRights(fail)
      const day = 86_400_000
      const until = new Date(Date.now() + 60 * day)
      const check = vi.fn(() => (Date.now() >= until.getTime() ? gone : undefined))
      live.watch({ check, until, end: () => undefined })
      check.mockClear()
      vi.advanceTimersByTime(59 * day)
      expect(check).not.toHaveBeenCalled()
      vi.advanceTimersByTime(2 * day)
      expect(check).toHaveBeenCalledOnce()
    } finally {
      vi.useRealTimers()
    }
  })
})
