import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createSessionSlots, type Release, type SessionSlots, type SlotRequest } from '../../src/fleet/session-slots.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

async function take(slots: SessionSlots): Promise<Release> {
  const slot = await slots.acquire(1000)
  if (!slot.ok) throw new Error(slot.cause)
  return slot.release
}

const causeOf = (slot: SlotRequest): string => (slot.ok ? 'ok' : slot.cause)

describe('the sessions of a link', () => {
  it('are given at once while there are any', async () => {
    const slots = createSessionSlots({ maxSessions: 2, maxQueued: 0 })
    await take(slots)
    await take(slots)
    expect(slots.taken()).toBe(2)
    expect(causeOf(await slots.acquire(1000))).toBe('queue-full')
  })

  it('are given in the order of asking', async () => {
    const slots = createSessionSlots({ maxSessions: 1, maxQueued: 3 })
    const release = await take(slots)
    const order: number[] = []
    const waiting = [1, 2, 3].map(async (number) => {
      const next = await take(slots)
      order.push(number)
      next()
    })
    expect(slots.queued()).toBe(3)
    release()
    await Promise.all(waiting)
    expect(order).toEqual([1, 2, 3])
    expect([slots.taken(), slots.queued()]).toEqual([0, 0])
  })

  it('have a bounded queue before them, whose places are free again', async () => {
    const slots = createSessionSlots({ maxSessions: 1, maxQueued: 1 })
    await take(slots)
    const waiting = slots.acquire(10)
    expect(causeOf(await slots.acquire(1000))).toBe('queue-full')
    vi.advanceTimersByTime(10)
    expect(causeOf(await waiting)).toBe('timeout')
    const next = slots.acquire(10)
    expect(slots.queued()).toBe(1)
    vi.advanceTimersByTime(10)
    expect(causeOf(await next)).toBe('timeout')
  })

  it('are waited for no longer than was asked', async () => {
    const slots = createSessionSlots({ maxSessions: 1, maxQueued: 2 })
    const release = await take(slots)
    const [short, long] = [slots.acquire(10), slots.acquire(20)]
    vi.advanceTimersByTime(10)
    expect(causeOf(await short)).toBe('timeout')
    expect(slots.queued()).toBe(1)
    release()
    expect(causeOf(await long)).toBe('ok')
    // Whoever gave up has no place that could be lost.
    expect(slots.taken()).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('are not waited for by whoever went away', async () => {
    const slots = createSessionSlots({ maxSessions: 1, maxQueued: 2 })
    const release = await take(slots)
    const client = new AbortController()
    const [gone, stays] = [slots.acquire(1000, client.signal), slots.acquire(1000)]
    client.abort()
    expect(causeOf(await gone)).toBe('cancelled')
    expect(causeOf(await slots.acquire(1000, client.signal))).toBe('cancelled')
    release()
    expect(causeOf(await stays)).toBe('ok')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('that were given stay with whoever goes away later, until they are released', async () => {
    const slots = createSessionSlots({ maxSessions: 1, maxQueued: 1 })
    const client = new AbortController()
    const first = await slots.acquire(1000, client.signal)
    client.abort()
    expect(slots.taken()).toBe(1)
    if (first.ok) first.release()
    expect(slots.taken()).toBe(0)
  })

  it('are given back once, however often it is said', async () => {
    const slots = createSessionSlots({ maxSessions: 2, maxQueued: 1 })
    const [first] = [await take(slots), await take(slots)]
    first()
    first()
    expect(slots.taken()).toBe(1)
    await take(slots)
    first()
    expect(slots.taken()).toBe(2)
    expect(slots.queued()).toBe(0)
  })

  it('become more by a new limit, for whoever waits', async () => {
    const slots = createSessionSlots({ maxSessions: 1, maxQueued: 3 })
    await take(slots)
    const waiting = [slots.acquire(1000), slots.acquire(1000), slots.acquire(1000)]
    slots.limit({ maxSessions: 3, maxQueued: 3 })
    expect(await Promise.all(waiting.slice(0, 2)).then((given) => given.map(causeOf))).toEqual(['ok', 'ok'])
    expect([slots.taken(), slots.queued()]).toEqual([3, 1])
    slots.close()
  })

  it('become fewer by a new limit, without ending those that run', async () => {
    const slots = createSessionSlots({ maxSessions: 2, maxQueued: 1 })
    const releases = [await take(slots), await take(slots)]
    slots.limit({ maxSessions: 1, maxQueued: 1 })
    const waiting = slots.acquire(1000)
    releases[0]?.()
    expect([slots.taken(), slots.queued()]).toEqual([1, 1])
    releases[1]?.()
    expect(causeOf(await waiting)).toBe('ok')
    expect(slots.taken()).toBe(1)
  })

  it('are over for all who wait and all who come once they are closed', async () => {
    const slots = createSessionSlots({ maxSessions: 1, maxQueued: 3 })
    const release = await take(slots)
    const waiting = [slots.acquire(1000), slots.acquire(1000)]
    slots.close()
    expect((await Promise.all(waiting)).map(causeOf)).toEqual(['closed', 'closed'])
    expect(causeOf(await slots.acquire(1000))).toBe('closed')
    release()
    expect([slots.taken(), slots.queued()]).toEqual([0, 0])
    expect(vi.getTimerCount()).toBe(0)
  })
})
