import { expect, it } from 'vitest'
import { createRandomPool } from '../../src/lib/random-pool.js'

/** Bytes that are told apart by their order. */
function counted() {
  let next = 0
  let refills = 0
  const pool = createRandomPool((bytes) => {
    refills += 1
    for (let at = 0; at < bytes.length; at += 1) {
      next += 1
      bytes[at] = next % 251
    }
  }, 100)
  return { pool, refills: () => refills }
}

it('gives out each octet once, in the part of the buffer that was asked for', () => {
  const { pool } = counted()
  const given: number[] = []
  for (const size of [1, 7, 92, 3, 250]) {
    const buffer = Buffer.alloc(size + 4)
    pool.fill(buffer, 2, size)
    expect([...buffer.subarray(0, 2), ...buffer.subarray(-2)]).toEqual([0, 0, 0, 0])
    given.push(...buffer.subarray(2, -2))
  }
  expect(given).toEqual(Array.from({ length: 353 }, (_, at) => (at + 1) % 251))
})

it('asks for more when it has none, and not before', () => {
  const { pool, refills } = counted()
  const buffer = Buffer.alloc(100)
  expect(refills()).toBe(0)
  pool.fill(buffer, 0, 100)
  expect(refills()).toBe(1)
  pool.fill(buffer, 0, 1)
  expect(refills()).toBe(2)
})
