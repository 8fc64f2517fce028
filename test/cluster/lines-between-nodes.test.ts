import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createLineQueue, type LineQueueOptions } from '../../src/cluster/line-queue.js'
import { createLineReader } from '../../src/cluster/line-reader.js'
import { MAX_LINE_LENGTH, MAX_WAITING_LINES } from '../../src/cluster/peer-messages.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { makeClusterKeys } from './support/cluster-keys.js'
import { loggedLines, startNode } from './support/test-node.js'
import { eventually } from './support/eventually.js'

const own = endAfterEach()

/** Takes lines only while a test lets it. */
function slowStream() {
  const taken: string[] = []
  const waiting: (() => void)[] = []
  let isOpen = false
  const stream = new Writable({
    highWaterMark: 64,
    write: (bytes: Buffer, _encoding, done) => {
      taken.push(bytes.toString())
      if (isOpen) done()
      else waiting.push(done)
    },
  })
  return {
    stream,
    lines: () => taken.join('').split('\n').slice(0, -1),
    open: () => {
      isOpen = true
      for (const done of waiting.splice(0)) done()
    },
  }
}

function queueOn(stream: Writable, options: Partial<LineQueueOptions> = {}) {
  const dropped: number[] = []
  const queue = createLineQueue(stream, {
    beginning: () => ['hello'],
    onDropped: (lines) => dropped.push(lines),
    ...options,
  })
  return { queue, dropped }
}

describe('lines for a peer', () => {
  it('go out in order behind the beginning, as fast as it takes them', async () => {
    const { stream, lines, open } = slowStream()
    const { queue, dropped } = queueOn(stream)
    for (let line = 0; line < 1000; line += 1) queue.say(`${line}`)
    expect(queue.waiting()).toBeGreaterThan(900)
    open()
    await eventually(() => expect(lines().length).toBe(1001))
    expect(lines()).toEqual(['hello', ...Array.from({ length: 1000 }, (_, line) => `${line}`)])
    expect([queue.waiting(), dropped]).toEqual([0, []])
  })

  it('are dropped where too many wait, and the beginning is said anew, with what is so by then', async () => {
    const { stream, lines, open } = slowStream()
    let state = 'before'
    const { queue, dropped } = queueOn(stream, { beginning: () => [`hello ${state}`] })
    for (let line = 0; line < MAX_WAITING_LINES + 100; line += 1) queue.say(`${line}`)
    state = 'after'
    queue.say('last')
    expect(queue.waiting()).toBeLessThan(MAX_WAITING_LINES)
    expect(dropped).toEqual([MAX_WAITING_LINES + 1])
    open()
    await eventually(() => expect(lines().at(-1)).toBe('last'))
    expect(lines().filter((line) => line.startsWith('hello'))).toEqual(['hello before', 'hello after'])
    const between = lines().indexOf('hello after')
    // What had waited is gone; what was said after it comes behind the new beginning.
    expect(between).toBeLessThan(50)
    expect(Number(lines()[between + 1])).toBeGreaterThan(MAX_WAITING_LINES)
  })

  it('are dropped by their bytes too, and one that is too long for the peer is not said', async () => {
    const { stream, lines, open } = slowStream()
    const { queue, dropped } = queueOn(stream, { maxBytes: 1000 })
    queue.say('x'.repeat(MAX_LINE_LENGTH + 1))
    for (let line = 0; line < 20; line += 1) queue.say('y'.repeat(100))
    expect(dropped.length).toBeGreaterThan(0)
    open()
    await eventually(() => expect(queue.waiting()).toBe(0))
    expect(lines().some((line) => line.startsWith('x'))).toBe(false)
  })

  it('are nobody’s once the peer is gone', () => {
    const { stream } = slowStream()
    const { queue } = queueOn(stream)
    stream.destroy()
    for (let line = 0; line < MAX_WAITING_LINES * 2; line += 1) queue.say('x')
    expect(queue.waiting()).toBe(0)
  })
})

describe('lines of a peer', () => {
  it('are read in pieces of any size, over bytes of one character', () => {
    const text = 'one\ntwo käthe 龍\n\nlast\nrest'
    for (let size = 1; size <= Buffer.byteLength(text); size += 1) {
      const lines: string[] = []
      const reader = createLineReader(100, (line) => lines.push(line) > 0)
      for (let at = 0; at < Buffer.byteLength(text); at += size)
        expect(reader.take(Buffer.from(text).subarray(at, at + size))).toBe(true)
      expect(lines).toEqual(['one', 'two käthe 龍', '', 'last'])
    }
  })

  it('are read no further once nobody wants more', () => {
    const lines: string[] = []
    const reader = createLineReader(10, (line) => lines.push(line) < 2)
    expect(reader.take(Buffer.from('one\ntwo\nthree\n'))).toBe(false)
    expect(reader.take(Buffer.from('four\n'))).toBe(false)
    expect(lines).toEqual(['one', 'two'])
  })

  it('are at most so long, and nothing is read behind one that is longer', () => {
    for (const size of [1, 7, 200]) {
      const lines: string[] = []
      const reader = createLineReader(10, (line) => lines.push(line) > 0)
      const text = Buffer.from(`${'x'.repeat(10)}\n${'y'.repeat(11)}\nz\n`)
      let taken = true
      for (let at = 0; at < text.length; at += size) taken = reader.take(text.subarray(at, at + size))
      expect(taken).toBe(false)
      expect(lines).toEqual(['x'.repeat(10)])
    }
  })
})

describe('a node that says much', () => {
  it('is heard in whole and in order, behind a hello of a thousand devices', async () => {
    const keys = own(makeClusterKeys())
    const [a, b] = [
      own(await startNode({ identity: await keys.identity('a') })),
      own(await startNode({ identity: await keys.identity('b') })),
    ]
    a.links = Array.from({ length: 1000 }, (_, at) => ({ deviceId: `router${at}`, epoch: 1, provenAt: at }))
    a.peers.setNodes([b.listed])
    await eventually(() => expect(b.seen).toEqual(['+a']))
    for (let at = 0; at < 9_000; at += 1) a.peers.tellAll({ type: 'crowded', deviceId: `router${at}` })
    a.peers.tell('b', { type: 'draining' })
    a.peers.tell('nobody', { type: 'draining' })
    await eventually(() => expect(b.told.at(-1)).toEqual([a.life, { type: 'draining' }]))
    const named = b.told.flatMap(([, message]) => (message.type === 'crowded' ? [message.deviceId] : []))
    expect(named).toEqual(Array.from({ length: 9_000 }, (_, at) => `router${at}`))
    expect(loggedLines(a).filter(({ dropped }) => dropped !== undefined)).toEqual([])
  })
})
