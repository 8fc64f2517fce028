import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { makeHeldSession } from './support/hand-made-held-session.js'
import { makeLink } from './support/hand-made-link.js'
import { answerOf, limits, makeFleet, router, settled } from './support/test-fleet.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const minutes = 60_000

it('is kept for its jobs, then for its clients, then let go with a farewell; nobody waits for it afterwards', async () => {
  let jobs = 1
  const { fleet, open } = makeFleet([{ ...router('router1'), periodic: true }], {}, { hasWork: async () => jobs > 0 })
  const held = makeHeldSession()
  const link = makeLink()
  fleet.attach(link, held)
  await vi.advanceTimersByTimeAsync(10 * minutes)
  expect(link.endedBy()).toBeUndefined()
  jobs = 0
  expect(answerOf(await open())).toBe('ok')
  await vi.advanceTimersByTimeAsync(10 * minutes)
  expect(link.endedBy()).toBeUndefined()
  link.closeChannel(0)
  await vi.advanceTimersByTimeAsync(limits.idleTimeout - 2_000)
  expect(link.endedBy()).toBeUndefined()
  await vi.advanceTimersByTimeAsync(4_000)
  expect(held.asked.at(-1)).toBe('give way')
  expect(link.endedBy()?.reason).toBe('let-go')
  expect(answerOf(await open())).toBe('not-connected')
  expect(vi.getTimerCount()).toBe(0)
})

it('stays with any other device', async () => {
  const { fleet } = makeFleet()
  const link = makeLink()
  fleet.attach(link)
  await vi.advanceTimersByTimeAsync(60 * minutes)
  await settled()
  expect(link.endedBy()).toBeUndefined()
})
