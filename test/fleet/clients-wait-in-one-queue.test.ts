import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createSessionQueue, type PlaceAnswer, type SessionQueue } from '../../src/fleet/session-queue.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A queue before so many places, of which each client takes any, or the one that it needs. */
function makeQueue(places: readonly string[], maxQueued = 3) {
  const free = [...places]
  const queue: SessionQueue<string> = createSessionQueue(() => maxQueued)
  const take = (needed?: string) => (): string | undefined => {
    const at = needed === undefined ? 0 : free.indexOf(needed)
    return at === -1 ? undefined : free.splice(at, 1)[0]
  }
  return {
    queue,
    ask: (wait = 1_000, signal?: AbortSignal, needed?: string) => queue.acquire({ take: take(needed), wait, signal }),
    release: (place: string) => {
      free.push(place)
      queue.admit()
    },
  }
}

const told = (answer: PlaceAnswer<string>): string => (answer.ok ? answer.place : answer.cause)

describe('the queue of a device', () => {
  it('gives a place at once while there is any', async () => {
    const { queue, ask } = makeQueue(['a'], 0)
    expect(told(await ask())).toBe('a')
    expect(told(await ask())).toBe('queue-full')
    expect(queue.length()).toBe(0)
  })

  it('gives places in the order of asking', async () => {
    const { queue, ask, release } = makeQueue([])
    const order: number[] = []
    const waiting = [1, 2, 3].map(async (number) => {
      await ask()
      order.push(number)
    })
    expect(queue.length()).toBe(3)
    for (const place of ['a', 'b', 'c']) release(place)
    await Promise.all(waiting)
    expect(order).toEqual([1, 2, 3])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('lets one that needs another place keep nobody waiting behind it', async () => {
    const { queue, ask, release } = makeQueue([])
    const picky = ask(1_000, undefined, 'b')
    const any = ask()
    release('a')
    expect(told(await any)).toBe('a')
    expect(queue.length()).toBe(1)
    release('b')
    expect(told(await picky)).toBe('b')
  })

  it('is waited in no longer than was asked, and its place is free again', async () => {
    const { queue, ask, release } = makeQueue([], 2)
    const [short, long] = [ask(10), ask(20)]
    expect(told(await ask())).toBe('queue-full')
    vi.advanceTimersByTime(10)
    expect(told(await short)).toBe('timeout')
    expect(queue.length()).toBe(1)
    release('a')
    expect(told(await long)).toBe('a')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('keeps no place for who went away', async () => {
    const { ask, release } = makeQueue([])
    const client = new AbortController()
    const [gone, stays] = [ask(1_000, client.signal), ask()]
    client.abort()
    expect(told(await gone)).toBe('cancelled')
    expect(told(await ask(1_000, client.signal))).toBe('cancelled')
    release('a')
    expect(told(await stays)).toBe('a')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('sends all who wait elsewhere, and goes on', async () => {
    const { queue, ask, release } = makeQueue([])
    const waiting = [ask(), ask()]
    queue.disperse()
    expect((await Promise.all(waiting)).map(told)).toEqual(['dispersed', 'dispersed'])
    expect(vi.getTimerCount()).toBe(0)
    const next = ask()
    release('a')
    expect(told(await next)).toBe('a')
  })

  it('gives nobody two places where taking one frees another', async () => {
    let free = 1
    let spare = 1
    const queue: SessionQueue<number> = createSessionQueue(() => 5)
    let number = 0
    const take = (): number | undefined => {
      if (free === 0) return undefined
      free -= 1
      // As a spare channel that is given up does.
      if (spare > 0) {
        spare -= 1
        free += 1
        queue.admit()
      }
      number += 1
      return number
    }
    free = 0
    const waiting = [1, 2, 3].map(() => queue.acquire({ take, wait: 1_000, signal: undefined }))
    free = 1
    queue.admit()
    expect(queue.length()).toBe(1)
    expect([free, number]).toEqual([0, 2])
    queue.disperse()
    expect((await Promise.all(waiting)).map(({ ok }) => ok)).toEqual([true, true, false])
  })

  it('tells who finds no place before it lets them wait, also where no more may', async () => {
    const { queue } = makeQueue([], 0)
    const noneFree = vi.fn<() => void>()
    const asking = { take: () => undefined, wait: 1_000, signal: undefined, noneFree }
    expect(told(await queue.acquire(asking))).toBe('queue-full')
    expect(noneFree).toHaveBeenCalledTimes(1)
  })
})
