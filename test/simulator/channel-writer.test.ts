import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { createChannelWriter } from '../../src/simulator/channel-writer.js'
import type { SessionTransport } from '../../src/simulator/session-transport.js'

/** A channel that takes everything at once, as ssh2's does, on a socket that the test calls full or not. */
function writerOn() {
  const written: Buffer[] = []
  const full: (() => void)[] = []
  let tellGone: (() => void) | undefined
  const channel = new Duplex({
    read: () => undefined,
    write: (bytes: Buffer, _encoding, done) => {
      written.push(bytes)
      done()
    },
  })
  const transport: SessionTransport = {
    channel,
    username: 'u',
    sourceHost: 'h',
    afterDrain: (callback) => full.push(callback),
    end: () => undefined,
    close: () => undefined,
    cut: () => undefined,
    onGone: (listener) => {
      tellGone = listener
    },
  }
  return {
    writer: createChannelWriter(transport),
    size: () => written.reduce((total, bytes) => total + bytes.length, 0),
    text: () => Buffer.concat(written).toString(),
    waits: () => full.length,
    drain: () => full.shift()?.(),
    gone: () => tellGone?.(),
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test('a large message waits for the socket after every slice', async () => {
  const { writer, size, drain, waits } = writerOn()
  const sent = writer.send(Buffer.alloc(1024 * 1024))
  await turn()
  await turn()
  expect(size()).toBe(64 * 1024)
  for (let slices = 1; slices <= 16; slices += 1) {
    expect(size()).toBe(slices * 64 * 1024)
    expect(waits()).toBe(1)
    drain()
    await turn()
  }
  await sent
  expect(size()).toBe(1024 * 1024)
})

test('parts are made only when they can be written', async () => {
  const { writer, drain } = writerOn()
  let made = 0
  const parts = function* () {
    for (; made < 3; ) {
      made += 1
      yield Buffer.from('part')
    }
  }
  const sent = writer.send(parts())
  await turn()
  expect(made).toBe(1)
  for (let part = 1; part <= 3; part += 1) {
    drain()
    await turn()
  }
  await sent
  expect(made).toBe(3)
})

test('messages never mix, and those that wait are counted', async () => {
  const { writer, drain, text } = writerOn()
  const sent = [writer.send([Buffer.from('a1'), Buffer.from('a2')]), writer.send(Buffer.from('b'))]
  await turn()
  expect(writer.waiting()).toBe(1)
  for (let part = 0; part < 3; part += 1) {
    drain()
    await turn()
  }
  await Promise.all(sent)
  expect(text()).toBe('a1a2b')
  expect(writer.waiting()).toBe(0)
})

test('a channel that goes ends every wait and all that is queued', async () => {
  const { writer, size, gone } = writerOn()
  const sent = [writer.send(Buffer.alloc(1024 * 1024)), writer.send(Buffer.from('more'))]
  await turn()
  gone()
  await Promise.all(sent)
  expect(size()).toBe(64 * 1024)
})
