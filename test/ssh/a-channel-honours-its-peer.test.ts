import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import type { ServerChannel } from 'ssh2'
import { describe, expect, it } from 'vitest'
import { governFlow } from '../../src/ssh/ssh2/flow-control.js'
import { socketOf } from '../../src/ssh/ssh2/connections.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { grant, openSshPair, rekey } from './support/ssh-pair.js'

const own = endAfterEach()
const MiB = 1024 * 1024

/** Bytes of which no two stretches are alike. */
function pattern(length: number, seed = 0): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE((at * 2654435761 + seed) >>> 0, at)
  return bytes
}

/** Writes and tells when the callback came; an error counts as well. */
const written = (stream: Writable, bytes: Buffer | string): Promise<void> =>
  new Promise((resolve) => stream.write(bytes, () => resolve()))

/**
 * Resolves once a number has not changed for many turns of the event loop, in which a free loopback socket would have
 * moved.
 */
async function standsStill(value: () => number): Promise<void> {
  let last = value()
  for (let turns = 0; turns < 200; turns += 1) {
    await new Promise((resolve) => setImmediate(resolve))
    if (value() === last) continue
    last = value()
    turns = 0
  }
}

function collected(stream: Readable, length: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let total = 0
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      total += chunk.length
      if (total >= length) resolve(Buffer.concat(chunks))
    })
  })
}

type Handlers = Record<string, ((...message: unknown[]) => void) | undefined>

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

describe('a peer that grants a huge window and reads nothing', () => {
  it('holds the writer, while little waits in the channel and in the socket, and gets everything once it reads', async () => {
    const pair = own(await openSshPair())
    const { server, client } = await pair.open()
    governFlow(server)
    grant(pair.client, client, 2 ** 32 - 2 ** 22)
    const [farSocket, nearSocket] = [socketOf(pair.client), socketOf(pair.connection)]
    farSocket.pause()

    const whole = pattern(24 * MiB)
    let sent = 0
    let mostInChannel = 0
    let mostInSocket = 0
    const feed = (): void => {
      while (sent < whole.length) {
        const chunk = whole.subarray(sent, sent + 64 * 1024)
        sent += chunk.length
        const more = server.write(chunk)
        mostInChannel = Math.max(mostInChannel, server.writableLength)
        mostInSocket = Math.max(mostInSocket, nearSocket.writableLength)
        if (!more) return
      }
    }
    server.on('drain', feed)
    feed()
    await standsStill(() => sent)
    expect(sent).toBeLessThan(whole.length)
    expect(server.writableNeedDrain).toBe(true)

    const all = collected(client, whole.length)
    farSocket.resume()
    expect(digest(await all)).toBe(digest(whole))
    expect(mostInChannel).toBeLessThanOrEqual(256 * 1024 + 64 * 1024)
    expect(mostInSocket).toBeLessThan(128 * 1024)
  })
})

describe('a window that opens in small steps', () => {
  it('lets standard output and standard error through in the order of writing', async () => {
    const pair = own(await openSshPair())
    const { server, client } = await pair.open(0)
    governFlow(server)
    const steps = [1, 2, 1, 5, 100, 1, 37, 3000, 1, 1000]
    const words = Array.from({ length: 30 }, (_, at) => ({
      error: at % 2 === 1,
      bytes: pattern(1 + ((at * 97) % 700), at),
    }))
    const total = words.reduce((sum, { bytes }) => sum + bytes.length, 0)

    const arrived: { error: boolean; bytes: Buffer }[] = []
    let granted = 0
    let received = 0
    const done = new Promise<void>((resolve) => {
      const next = (): void => {
        if (received < granted) return
        if (received === total) return resolve()
        const step = steps.shift() ?? 1
        steps.push(step)
        granted += step
        grant(pair.client, client, step)
      }
      const take = (error: boolean) => (bytes: Buffer) => {
        received += bytes.length
        const last = arrived.at(-1)
        if (last?.error === error) last.bytes = Buffer.concat([last.bytes, bytes])
        else arrived.push({ error, bytes })
        // No byte may come that was not granted.
        expect(received).toBeLessThanOrEqual(granted)
        if (received === total) resolve()
        else next()
      }
      client.on('data', take(false))
      client.stderr.on('data', take(true))
      next()
    })
    const callbacks = words.map(({ error, bytes }) => written(error ? server.stderr : server, bytes))
    await done
    await Promise.all(callbacks)
    expect(arrived).toEqual(words)
  })

  it('is never overrun by a writer that is in haste', async () => {
    const pair = own(await openSshPair())
    const { server, client } = await pair.open(10)
    governFlow(server)
    let received = 0
    client.on('data', (bytes: Buffer) => {
      received += bytes.length
    })
    const whole = written(server, pattern(100))
    // Whatever was sent on a connection has come before the answer to a later request.
    await pair.open()
    expect(received).toBe(10)
    grant(pair.client, client, 89)
    await pair.open()
    expect(received).toBe(99)
    grant(pair.client, client, 1)
    await whole
    await pair.open()
    expect(received).toBe(100)
  })
})

describe('a peer that takes packets of one octet', () => {
  it('gets them so, and all of them', async () => {
    const pair = own(await openSshPair())
    const { server, client } = await pair.open(2000, 1)
    governFlow(server)
    const sizes = new Set<number>()
    client.on('data', (bytes: Buffer) => sizes.add(bytes.length))
    const all = collected(client, 1000)
    server.write(pattern(1000))
    expect(await all).toEqual(pattern(1000))
    expect([...sizes]).toEqual([1])
  })

  it('that says it takes packets of none gets packets of one octet', async () => {
    const pair = own(await openSshPair())
    const { server, client } = await pair.open(2000, 0)
    governFlow(server)
    const all = collected(client, 8)
    server.write(pattern(8))
    expect(await all).toEqual(pattern(8))
  })
})

describe('whoever waits for a write that cannot go on', () => {
  /** A channel whose window is closed, with writes that wait for it. */
  async function openStuck() {
    const pair = own(await openSshPair())
    const { server, client } = await pair.open(0)
    governFlow(server)
    server.on('error', () => undefined)
    client.resume()
    const waiting = [
      written(server, 'one'),
      written(server.stderr, 'error'),
      written(server, 'two'),
      written(server.stderr, 'another'),
    ]
    return { ...pair, server, far: client, waiting: Promise.all(waiting) }
  }

  it.each<[string, (stuck: Awaited<ReturnType<typeof openStuck>>) => void]>([
    ['the channel is closed from this side', ({ server }) => server.close()],
    ['the channel is closed from the other side', ({ far }) => far.close()],
    ['the connection is lost', ({ client }) => void socketOf(client).destroy()],
    ['the connection is dropped from this side', ({ connection }) => void socketOf(connection).destroy()],
  ])('hears when %s', async (_name, end) => {
    const stuck = await openStuck()
    end(stuck)
    await stuck.waiting
  })

  it('hears at once when the channel is closed already', async () => {
    const { server, far } = await openStuck()
    const closed = once(far, 'close')
    server.close()
    await closed
    await written(server, 'late')
  })

  it('does not hold the other channels of the connection', async () => {
    const stuck = await openStuck()
    const { server, client } = await stuck.open()
    governFlow(server)
    const heard = once(client, 'data')
    server.write('free')
    expect(String(await heard)).toBe('free')
  })
})

describe('a key re-exchange in mid-stream', () => {
  it.each(['client', 'server', 'both'] as const)('from %s loses nothing, either way', async (side) => {
    const pair = own(await openSshPair())
    const { server, client } = await pair.open()
    governFlow(server)
    governFlow(client)
    const [down, up] = [pattern(3 * MiB, 1), pattern(3 * MiB, 2)]
    const arrived = [collected(client, down.length), collected(server, up.length)]
    let rekeys = 0
    pair.client.on('handshake', () => {
      rekeys += 1
    })
    let mark = MiB / 4
    let received = 0
    client.on('data', (bytes: Buffer) => {
      received += bytes.length
      if (received < mark) return
      mark += MiB / 2
      if (side !== 'server') rekey(pair.client)
      if (side !== 'client') rekey(pair.connection)
    })
    send(server, down)
    send(client, up)
    const [gotDown, gotUp] = await Promise.all(arrived)
    expect(gotDown && digest(gotDown)).toBe(digest(down))
    expect(gotUp && digest(gotUp)).toBe(digest(up))
    expect(rekeys).toBeGreaterThan(0)
  })

  it('holds writes until it is done', async () => {
    const pair = own(await openSshPair())
    const { server, client } = await pair.open()
    governFlow(server)
    rekey(pair.connection)
    let done = false
    const write = written(server, 'held').then(() => {
      done = true
    })
    await Promise.resolve()
    expect(done).toBe(false)
    expect(String((await once(client, 'data'))[0])).toBe('held')
    await write
  })
})

/** Writes with back-pressure, in pieces. */
function send(stream: ServerChannel | Writable, whole: Buffer): void {
  let at = 0
  const feed = (): void => {
    while (at < whole.length) {
      const chunk = whole.subarray(at, at + 50_000)
      at += chunk.length
      if (!stream.write(chunk)) return
    }
  }
  stream.on('drain', feed)
  feed()
}

describe('a channel that is closed while its peer sends', () => {
  it('grants nothing any more, whatever is still read and thrown away', async () => {
    const pair = own(await openSshPair())
    const { server, client } = await pair.open()
    governFlow(server)
    const heard: string[] = []
    const { _handlers: handlers } = (pair.client as unknown as { readonly _protocol: { readonly _handlers: Handlers } })
      ._protocol
    for (const name of ['CHANNEL_WINDOW_ADJUST', 'CHANNEL_CLOSE']) {
      const handle = handlers[name]
      handlers[name] = (...message) => {
        heard.push(name)
        handle?.(...message)
      }
    }
    client.on('error', () => undefined)
    client.write(pattern(2 * MiB))
    const closed = once(client, 'close')
    // Nobody reads: the window is used up, and stays so until what came is thrown away.
    await standsStill(() => server.readableLength)
    expect(server.readableLength).toBeGreaterThan(MiB)
    // The close and the credit are sent in one turn, before the other side can have answered either.
    server.close()
    server.resume()
    client.resume()
    await closed
    // What was sent after the close has come before the answer to this.
    await pair.open()
    expect(heard).toEqual(['CHANNEL_CLOSE'])
  })
})
