import { expect, it } from 'vitest'
import { createBlockGatherer } from '../../../src/audit/files/audit-block.js'

const at = (millisecond: number): string => new Date(Date.UTC(2026, 2, 1) + millisecond).toISOString()

it('a block has its lines, their times and each device and user once', () => {
  const gathered = createBlockGatherer()
  gathered.add('a', { time: at(5), deviceId: 'Router1', user: 'ops' })
  gathered.add('b', { time: at(2), deviceId: 'router1', user: 'nms' })
  gathered.add('ç', { time: at(9), user: 'ops' })
  const { lines, ...block } = gathered.take()
  expect(new TextDecoder().decode(lines)).toBe('a\nb\nç')
  expect(block).toEqual({
    count: 3,
    oldest: Date.parse(at(2)),
    newest: Date.parse(at(9)),
    keys: [
      ['device router1', 0],
      ['user ops', 2],
      ['user nms', 1],
    ],
  })
})

it('the next block knows nothing of the one before, and no octet of it changes', () => {
  const gathered = createBlockGatherer()
  gathered.add('first', { time: at(9), deviceId: 'router1', user: 'ops' })
  const first = gathered.take()
  gathered.add('second', { time: at(1), deviceId: 'router2' })
  expect(gathered.take()).toMatchObject({
    count: 1,
    oldest: Date.parse(at(1)),
    newest: Date.parse(at(1)),
    keys: [['device router2', 0]],
  })
  expect(new TextDecoder().decode(first.lines)).toBe('first')
  // It is handed to another thread as it is.
  expect(first.lines.byteLength).toBe(first.lines.buffer.byteLength)
})
