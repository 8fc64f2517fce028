import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createSecretCache } from '../../src/lib/secret-cache.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('a keyed memory', () => {
  it('recalls what was remembered under the same words, for its time', () => {
    const memory = createSecretCache<number>(10)
    memory.remember(['a', 'b'], 1, 1000)
    expect(memory.recall(['a', 'b'])).toBe(1)
    expect(memory.recall(['ab'])).toBeUndefined()
    expect(memory.recall(['a', 'b', ''])).toBeUndefined()
    vi.advanceTimersByTime(999)
    expect(memory.recall(['a', 'b'])).toBe(1)
    vi.advanceTimersByTime(1)
    expect(memory.recall(['a', 'b'])).toBeUndefined()
  })

  it('forgets when told, and remembers nothing for no time', () => {
    const memory = createSecretCache<number>(10)
    memory.remember(['a'], 1, 1000)
    memory.forget(['a'])
    memory.remember(['b'], 1, 0)
    expect([memory.recall(['a']), memory.recall(['b'])]).toEqual([undefined, undefined])
  })

  it('holds no more than its number: what was used longest ago makes room', () => {
    const memory = createSecretCache<string>(2)
    memory.remember(['a'], 'a', 1000)
    memory.remember(['b'], 'b', 1000)
    memory.recall(['a'])
    memory.remember(['c'], 'c', 1000)
    expect(['a', 'b', 'c'].map((word) => memory.recall([word]))).toEqual(['a', undefined, 'c'])
  })
})
