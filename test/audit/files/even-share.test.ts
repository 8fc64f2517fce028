import { expect, it } from 'vitest'
import { evenShare } from '../../../src/audit/files/even-share.js'

it.each([
  [[], 10, 0],
  [[5, 5], 10, 0],
  [[20], 10, 10],
  [[20, 20], 10, 5],
  [[1, 20], 10, 9],
  [[20, 1, 2], 10, 7],
  [[4, 4, 4], 10, 10 / 3],
  [[3, 4, 5], 11, 4],
  [[100, 1, 50, 2], 23, 10],
  // Of more than three that have too many, those who stand out are held to a little more than the fourth.
  [[1, 100, 100, 100, 100], 100, 0],
  [[1, 100, 100, 100, 101], 100, 0],
  [[1, 100, 100, 100, 100, 5000, 9000], 500, 1.1 * 100],
])('of %j in room for %d everybody may keep %d', (counts, room, share) => {
  expect(evenShare(counts, room, 3)).toBe(share)
})
