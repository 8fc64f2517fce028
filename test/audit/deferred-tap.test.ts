import { expect, it } from 'vitest'
import { createDeferredTap } from '../../src/audit/deferred-tap.js'
import { waitFor } from '../e2e/parts/wait-for.js'

const looked = () => {
  const seen: string[] = []
  return { seen, look: (bytes: Buffer, at: number) => void seen.push(`${bytes.toString()}@${at}`) }
}

it('in the order in which they came, whoever they belong to', async () => {
  const { seen, look } = looked()
  const queue = createDeferredTap()
  queue.add(look, Buffer.from('a'), 1)
  queue.add((bytes, at) => look(Buffer.from(`other ${bytes.toString()}`), at), Buffer.from('b'), 2)
  queue.add(look, Buffer.from('c'), 3)
  expect(seen).toEqual([])
  await waitFor('them to be looked at', () => seen.length === 3)
  expect(seen).toEqual(['a@1', 'other b@2', 'c@3'])
})

it('at the end of the turn when they are a handful', async () => {
  const { seen, look } = looked()
  const queue = createDeferredTap()
  for (let n = 0; n < 17; n += 1) queue.add(look, Buffer.from('a'), n)
  expect(seen).toEqual([])
  await new Promise(setImmediate)
  expect(seen).toHaveLength(17)
})

it('at once when they are many, or large, or when somebody asks', () => {
  const { seen, look } = looked()
  const queue = createDeferredTap()
  for (let n = 0; n < 64; n += 1) queue.add(look, Buffer.from('a'), n)
  expect(seen).toHaveLength(64)
  queue.add(look, Buffer.alloc(256 * 1024), 0)
  expect(seen).toHaveLength(65)
  queue.add(look, Buffer.from('b'), 0)
  queue.drain()
  expect(seen).toHaveLength(66)
})
