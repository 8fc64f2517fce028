import { expect, it } from 'vitest'
import { createNewestSet } from '../../src/lib/newest-set.js'

it('the newest words are remembered, as many as there may be, and each that is forgotten is told', () => {
  let max = 3
  let forgotten = 0
  const set = createNewestSet({ max: () => max, onForgotten: () => (forgotten += 1) })
  const left = () => ['a', 'b', 'c', 'd'].filter(set.has)
  for (const word of ['a', 'b', 'c', 'a', 'd']) set.add(word)
  expect([left(), forgotten]).toEqual([['a', 'c', 'd'], 1])
  max = 1
  set.add('c')
  expect([left(), forgotten]).toEqual([['c'], 3])
})
