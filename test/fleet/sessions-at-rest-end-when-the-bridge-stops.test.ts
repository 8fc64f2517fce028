import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { STOPPING_BRIDGE } from '../../src/fleet/session-register.js'
import { makeLink } from './support/hand-made-link.js'
import { makeFleet, router, settled } from './support/test-fleet.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

async function openTwo() {
  const { fleet, open } = makeFleet([router('router1', 5)])
  const link = makeLink()
  fleet.attach(link)
  const [first, second] = await Promise.all([open(), open()])
  if (!first?.ok || !second?.ok) throw new Error('no session')
  return { fleet, first: first.session, second: second.session, link }
}

it('ends those on which nothing is under way, and waits for the others', async () => {
  const { fleet, first, second, link } = await openTwo()
  let busy = true
  first.restsWhen(() => true)
  second.restsWhen(() => !busy)
  const drained = vi.fn<() => void>()
  void fleet.drain().then(drained)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(await first.killed).toBe(STOPPING_BRIDGE)
  expect(await fleet.sessions()).toMatchObject([{ id: second.id }])
  busy = false
  await vi.advanceTimersByTimeAsync(1_000)
  expect(await second.killed).toBe(STOPPING_BRIDGE)
  link.closeChannel(0)
  await settled()
  expect(drained).toHaveBeenCalled()
  expect(vi.getTimerCount()).toBe(0)
})

it('ends none that sends something between two looks, and none that nobody can tell of', async () => {
  const { fleet, first, second } = await openTwo()
  first.restsWhen(() => true)
  const sending = setInterval(() => first.carried('fromClient', 1), 100)
  void fleet.drain()
  await vi.advanceTimersByTimeAsync(5_000)
  expect((await fleet.sessions()).map(({ id }) => id)).toEqual([first.id, second.id])
  clearInterval(sending)
  fleet.close()
  expect(vi.getTimerCount()).toBe(0)
})
