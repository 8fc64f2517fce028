import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { createTimeSlicer } from '../../src/lib/time-slicer.js'

describe('work in turns', () => {
  it('is done in order, and what is long leaves the rest to the next turn of the event loop', async () => {
    let now = 0
    const slicer = createTimeSlicer({ now: () => now })
    const done: string[] = []
    for (const name of ['a', 'b', 'c'])
      slicer(() => {
        now += 1.5
        done.push(name)
      })
    expect(done).toEqual([])
    await nextTurn()
    expect(done).toEqual(['a', 'b'])
    await nextTurn()
    expect(done).toEqual(['a', 'b', 'c'])
    slicer(() => done.push('d'))
    await nextTurn()
    expect(done).toEqual(['a', 'b', 'c', 'd'])
  })

  it('takes no more than its share in the long run, however much there is', async () => {
    vi.useFakeTimers()
    const slicer = createTimeSlicer({ now: Date.now, share: () => 0.25 })
    let worked = 0
    const work = (): void => {
      // Each piece takes ten milliseconds, and there is always one more.
      vi.setSystemTime(Date.now() + 10)
      worked += 10
      slicer(work)
    }
    const began = Date.now()
    slicer(work)
    while (Date.now() - began < 10_000) await vi.advanceTimersToNextTimerAsync()
    vi.useRealTimers()
    expect(worked).toBeGreaterThanOrEqual(2_000)
    expect(worked).toBeLessThanOrEqual(250 + 2_500 + 100)
  })
})
