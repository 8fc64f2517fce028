import { expect, it } from 'vitest'
import { growthOf, IN_PROPORTION } from './growth.js'

/** So many steps that no compiler takes away. */
function steps(count: number): number {
  let sum = 0
  for (let step = 0; step < count; step += 1) sum = (sum * 31 + step) % 1_000_003
  return sum
}

it('work that grows as its input does is in proportion, be it large or small', () => {
  expect(growthOf(200_000, (size) => () => steps(size))).toBeLessThan(IN_PROPORTION)
  expect(growthOf(500, (size) => () => steps(size))).toBeLessThan(IN_PROPORTION)
})

it('work that grows with the square of its input is not', () => {
  expect(growthOf(500, (size) => () => steps(size * size))).toBeGreaterThan(IN_PROPORTION)
  expect(growthOf(60, (size) => () => steps(size * size))).toBeGreaterThan(IN_PROPORTION)
})

it('an expression that may match the same spaces in two ways is not', () => {
  const growth = growthOf(20, (size) => {
    const text = `a${' '.repeat(size)}x${' '.repeat(size)}\u2028y`
    return () => /^\S+\s+(.*)\s*$/.test(text)
  })
  expect(growth).toBeGreaterThan(IN_PROPORTION)
})
