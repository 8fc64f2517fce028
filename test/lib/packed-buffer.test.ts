import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { packBytes } from '../../src/lib/packed-buffer.js'

it('keeps octets as they were, whatever becomes of where they came from', () => {
  const sizes = [0, 1, 32, 51, 2048, 2049, 20_000]
  const given = Array.from({ length: 400 }, (_, at) => randomBytes(sizes[at % sizes.length] ?? 0))
  const copies = given.map((bytes) => bytes.toString('hex'))
  const kept = given.map(packBytes)
  for (const bytes of given) bytes.fill(0)
  expect(kept.map((bytes) => bytes.toString('hex'))).toEqual(copies)
})

it('keeps the few octets of a hundred links in one piece of memory', () => {
  const kept = Array.from({ length: 100 }, () => packBytes(Buffer.from('a host key')))
  expect(new Set(kept.map(({ buffer }) => buffer)).size).toBeLessThanOrEqual(2)
})
