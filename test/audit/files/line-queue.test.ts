import { describe, expect, it } from 'vitest'
import { createLineQueue } from '../../../src/audit/files/line-queue.js'

const line = (number: number, length = 100): string => `${number} `.padEnd(length, 'x')

describe('lines that wait', () => {
  it('come out as they went in, however many there are', () => {
    const queue = createLineQueue()
    const lines = Array.from({ length: 5000 }, (_, number) => line(number, 10 + (number % 300)))
    const out: string[] = []
    for (const [at, text] of lines.entries()) {
      queue.push(text)
      if (at % 7 !== 0) continue
      const first = queue.first(1000)
      out.push(...first.toString().split('\n').slice(0, -1))
      queue.drop(first.length)
    }
    out.push(...queue.first(Number.POSITIVE_INFINITY).toString().split('\n').slice(0, -1))
    expect(out).toEqual(lines)
  })

  it('are UTF-8, and counted in octets', () => {
    const queue = createLineQueue()
    queue.push('Zürich €')
    queue.push('\u{1F4A3}')
    expect([queue.bytes(), queue.count()]).toEqual([12 + 5, 2])
    expect(queue.first(100).toString()).toBe('Zürich €\n\u{1F4A3}\n')
  })

  it.each([
    ['that fit', 200, 1],
    ['one that is longer than asked for', 10, 1],
    ['to the octet', 202, 2],
    ['none of them by half', 201, 1],
  ])('are handed out whole: %s', (_, max, expected) => {
    const queue = createLineQueue()
    for (const number of [0, 1, 2]) queue.push(line(number))
    expect(queue.first(max).toString().split('\n')).toHaveLength(expected + 1)
  })

  it('stay what they were, once handed out, while others come', () => {
    const queue = createLineQueue()
    queue.push(line(0))
    const first = queue.first(1000)
    const before = first.toString()
    for (let number = 1; number < 10_000; number += 1) queue.push(line(number))
    expect(first.toString()).toBe(before)
    queue.drop(first.length)
    expect(queue.first(101).toString()).toBe(`${line(1)}\n`)
    expect(queue.count()).toBe(9999)
  })
})
