import { expect, it } from 'vitest'
import { swappable } from '../../src/lib/swappable.js'

it('whoever keeps the function calls what is in its place at that moment', () => {
  const { call, replace } = swappable((one: number, other: number) => one + other)
  const kept = { call }
  expect(kept.call(2, 3)).toBe(5)
  replace((one, other) => one * other)
  expect(kept.call(2, 3)).toBe(6)
})
