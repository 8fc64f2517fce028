import { expect, it } from 'vitest'
import { stopwatch } from '../../src/lib/stopwatch.js'

it('measures without what it was paused for, also where that failed', async () => {
  let now = 1_000
  const watch = stopwatch(() => now)
  now += 500
  await watch.paused(async () => {
    now += 60_000
  })
  const failing = watch.paused(() => {
    now += 1_000
    return Promise.reject(new Error('no'))
  })
  await expect(failing).rejects.toThrow('no')
  now += 250
  expect(watch.seconds()).toBe(0.75)
})
