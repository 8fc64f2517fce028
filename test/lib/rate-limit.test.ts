import { describe, expect, it } from 'vitest'
import { createRateLimit } from '../../src/lib/rate-limit.js'

function start() {
  const clock = { at: 0 }
  return { clock, limit: createRateLimit({ each: 2, all: 3, interval: 1_000 }, () => clock.at) }
}

describe('of things of one kind', () => {
  it('one party passes with a few in each interval, and what was held back is told with the next that passes', () => {
    const { limit, clock } = start()
    expect([limit('refused', 'a'), limit('refused', 'a'), limit('refused', 'a')]).toEqual([0, 0, undefined])
    expect(limit('refused', 'b')).toBe(1)
    clock.at = 1_000
    expect(limit('refused', 'a')).toBe(0)
  })

  it('all parties together pass with a few more, however many they are', () => {
    const { limit, clock } = start()
    const outcomes = Array.from({ length: 1_000 }, (_, at) => limit('refused', `bot${at}`))
    expect(outcomes.filter((outcome) => outcome !== undefined)).toHaveLength(3)
    clock.at = 5_000
    expect(limit('refused', 'honest')).toBe(997)
  })

  it('another kind is not touched, and a kind may have bounds of its own', () => {
    const { limit } = start()
    for (let at = 0; at < 10; at += 1) limit('refused', 'a')
    expect(limit('pending', 'a')).toBe(0)
    const outcomes = Array.from({ length: 9 }, () => limit('lost', 'a', { each: 5, all: 5, interval: 1_000 }))
    expect(outcomes.filter((outcome) => outcome !== undefined)).toHaveLength(5)
  })
})
