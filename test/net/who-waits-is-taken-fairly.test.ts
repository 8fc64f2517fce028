import { describe, expect, it } from 'vitest'
import { createFairQueue } from '../../src/net/fair-queue.js'
import { createFairShare } from '../../src/net/fair-share.js'

const anybody = () => true

function takeAll(queue: ReturnType<typeof createFairQueue<string>>): string[] {
  return Array.from({ length: queue.size }, () => queue.next(anybody) ?? 'nobody')
}

describe('a queue', () => {
  it('gives each source its turn, however many of one source wait', () => {
    const queue = createFairQueue<string>()
    for (const at of [1, 2, 3, 4]) queue.add(`flood${at}`, 'stranger', 'a')
    queue.add('b1', 'stranger', 'b')
    queue.add('c1', 'stranger', 'c')
    queue.add('b2', 'stranger', 'b')
    expect(takeAll(queue)).toEqual(['flood1', 'b1', 'c1', 'flood2', 'b2', 'flood3', 'flood4'])
    expect(queue.next(anybody)).toBeUndefined()
  })

  it('takes devices that were attached before first, then those that may come, but lets no stranger wait for ever', () => {
    const queue = createFairQueue<string>()
    queue.add('stranger', 'stranger', 'a')
    for (let at = 1; at <= 9; at += 1) queue.add(`expected${at}`, 'expected', 'b')
    queue.add('known', 'familiar', 'c')
    const order = takeAll(queue)
    expect(order[0]).toBe('known')
    expect(order.indexOf('stranger')).toBe(7)
  })

  it('passes over a source that may have no more, and forgets those who left', () => {
    const queue = createFairQueue<string>()
    queue.add('a1', 'expected', 'a')
    queue.add('b1', 'expected', 'b')
    queue.add('b2', 'stranger', 'b')
    queue.delete('b1', 'expected', 'b')
    queue.delete('b1', 'expected', 'b')
    expect(queue.size).toBe(2)
    expect(queue.next((network) => network !== 'a')).toBe('b2')
    expect(queue.next((network) => network !== 'a')).toBeUndefined()
    expect(queue.next(anybody)).toBe('a1')
    expect(queue.size).toBe(0)
  })
})

describe('shares of what there is only so much of', () => {
  function takeMost(shares: ReturnType<typeof createFairShare>, network: string): number {
    let taken = 0
    for (; shares.mayHaveMore(network); taken += 1) shares.take(network)
    return taken
  }

  it('leave room for another source, whoever came first', () => {
    const shares = createFairShare(() => 300)
    expect(takeMost(shares, 'flood')).toBe(200)
    expect(takeMost(shares, 'other')).toBeGreaterThan(60)
    expect(shares.mayHaveMore('third')).toBe(true)
    expect(shares.free).toBeGreaterThan(0)
  })

  it('of all sources in one /48 or /24 leave something for others, however many they are', () => {
    const shares = createFairShare(() => 1000)
    for (let at = 0; at < 5_000; at += 1) {
      const network = `2001:db8:1:${(at % 2500).toString(16)}::/64`
      if (shares.mayHaveMore(network)) shares.take(network)
    }
    expect(shares.free).toBeGreaterThanOrEqual(200)
    expect(shares.mayHaveMore('2001:db8:1:ffff::/64')).toBe(false)
    expect(shares.mayHaveMore('2001:db8:2:1::/64')).toBe(true)
    expect(shares.mayHaveMore('192.0.2.1')).toBe(true)
  })

  it('bind one source more than those around it', () => {
    const shares = createFairShare(() => 1000)
    while (shares.mayHaveMore('192.0.2.1')) shares.take('192.0.2.1')
    expect(shares.holds('192.0.2.1')).toBe(667)
    expect(shares.mayHaveMore('192.0.2.2')).toBe(true)
  })

  it('bind nobody who is exempt, who still takes no more than there is', () => {
    const shares = createFairShare(() => 10, { isUnlimited: (network) => network === 'proxy' })
    while (shares.mayHaveMore('proxy')) shares.take('proxy')
    expect(shares.taken).toBe(10)
  })

  it('are given back', () => {
    const shares = createFairShare(() => 1)
    shares.take('a')
    expect(shares.mayHaveMore('b')).toBe(false)
    shares.give('a')
    expect([shares.taken, shares.free, shares.mayHaveMore('b')]).toEqual([0, 1, true])
  })
})
