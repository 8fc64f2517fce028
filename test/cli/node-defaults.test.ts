import { getDefaultHighWaterMark, PassThrough, setDefaultHighWaterMark } from 'node:stream'
import { afterEach, expect, it } from 'vitest'
import { useMeasuredSizes } from '../../src/cli/node-defaults.js'

const before = { highWaterMark: getDefaultHighWaterMark(false), poolSize: Buffer.poolSize }
afterEach(() => {
  setDefaultHighWaterMark(false, before.highWaterMark)
  Buffer.poolSize = before.poolSize
})

it('streams and small buffers take as much as was measured, whatever this Node would give them', () => {
  setDefaultHighWaterMark(false, 64 * 1024)
  Buffer.poolSize = 64 * 1024
  useMeasuredSizes()
  expect(new PassThrough().writableHighWaterMark).toBe(16 * 1024)
  // The first fills what is left of the block before.
  for (let filled = 0; filled <= 64 * 1024; filled += 1024) Buffer.allocUnsafe(1024)
  expect(Buffer.allocUnsafe(16).buffer.byteLength).toBe(8 * 1024)
})
