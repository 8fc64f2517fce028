import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import {
  createProxyGate,
  type GateFault,
  NO_PROXIES,
  type ProxyGateTerms,
} from '../../../src/net/proxy-protocol/gate.js'
import { bytesFromClient, isOfProxyItself, proxiedBy } from '../../../src/net/proxy-protocol/proxied.js'
import { sourceOf } from '../../../src/net/source.js'
import { field, v2Header, withChecksum } from './headers.js'

const BALANCER = '127.0.0.5'
const OTHER_BALANCER = '127.0.1.6'
const V1 = Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 56324 830\r\n')
const TOLD = '192.0.2.7:56324'
const terms: ProxyGateTerms = { from: [BALANCER, OTHER_BALANCER], timeout: 10_000, maxWaiting: 100 }

const open: { readonly close: () => void }[] = []
afterEach(() => {
  for (const closable of open.splice(0).toReversed()) closable.close()
})

/** Unlike `once`, which an error ends. */
const closing = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()))

interface Refused {
  readonly fault: GateFault
  readonly source: string
}

/** A listener behind a gate that notes who comes in, and who does not. */
async function listen(changed: Partial<ProxyGateTerms> = {}, host = '127.0.0.1') {
  const entered: Socket[] = []
  const refusals: Refused[] = []
  const waiting: (() => void)[] = []
  const noted = (): void => {
    for (const look of waiting.splice(0)) look()
  }
  const gate = createProxyGate({ ...terms, ...changed }, (fault, source) => {
    refusals.push({ fault, source })
    noted()
  })
  const accepted: Socket[] = []
  const server: Server = createServer((socket) => {
    accepted.push(socket)
    gate.admit(socket, (inside) => {
      inside.on('error', () => undefined)
      entered.push(inside)
      noted()
    })
    noted()
  })
  server.listen(0, host)
  await once(server, 'listening')
  open.push(server, gate, { close: () => accepted.forEach((socket) => socket.destroy()) })
  const { port } = server.address() as { port: number }
  /** Settles once something has been noted for which this holds. */
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise<void>((resolve) => waiting.push(resolve))
  }
  return {
    gate,
    entered,
    refusals,
    accepted,
    until,
    nextEntered: async (): Promise<Socket> => {
      await until(() => entered.length > 0)
      return entered.shift() as Socket
    },
    nextRefusal: async (): Promise<Refused> => {
      await until(() => refusals.length > 0)
      return refusals.shift() as Refused
    },
    dial: async (from = BALANCER): Promise<Socket> => {
      const socket = connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true })
      open.push({ close: () => socket.destroy() })
      socket.on('error', () => undefined)
      await once(socket, 'connect')
      return socket
    },
  }
}

describe('a connection from a load balancer', () => {
  it.each([
    ['version 1', V1],
    ['version 2', v2Header()],
    ['version 2 with fields and a checksum', withChecksum({ fields: field(5, Buffer.alloc(500, 1)) })],
  ])('is from where its header says, and what comes behind it in the same packet is there: %s', async (_v, header) => {
    const { dial, nextEntered } = await listen()
    const client = await dial()
    client.end(Buffer.concat([header, Buffer.from('SSH-2.0-first\r\n')]))
    const socket = await nextEntered()
    expect(sourceOf(socket)).toBe(TOLD)
    expect(socket).toMatchObject({ remoteFamily: 'IPv4', localAddress: '198.51.100.1', localPort: 830 })
    expect(proxiedBy(socket)).toMatchObject({
      told: true,
      wire: { remoteAddress: BALANCER, localAddress: '127.0.0.1' },
    })
    expect(await text(socket)).toBe('SSH-2.0-first\r\n')
    expect(bytesFromClient(socket)).toBe('SSH-2.0-first\r\n'.length)
    expect(sourceOf(socket)).toBe(TOLD)
  })

  it.each([
    ['version 1', V1],
    ['version 2', withChecksum()],
  ])('may send it byte by byte: %s', async (_v, header) => {
    const { dial, nextEntered } = await listen()
    const client = await dial()
    const entering = nextEntered()
    for (const byte of header) {
      client.write(Buffer.of(byte))
      await new Promise(setImmediate)
    }
    const socket = await entering
    expect(sourceOf(socket)).toBe(TOLD)
    client.end('first')
    expect(await text(socket)).toBe('first')
  })

  it.each([
    ['data', (socket: Socket, take: (bytes: Buffer) => void) => void socket.on('data', take)],
    [
      'readable',
      (socket: Socket, take: (bytes: Buffer) => void) =>
        void socket.on('readable', () => {
          const bytes = socket.read() as Buffer | null
          if (bytes !== null) take(bytes)
        }),
    ],
  ])('is read as if nobody had read before, by %s, now and later', async (_by, listenTo) => {
    const { dial, nextEntered } = await listen()
    const client = await dial()
    client.write(V1)
    const socket = await nextEntered()
    let received = ''
    const all = new Promise<void>((resolve) =>
      listenTo(socket, (bytes) => {
        received += bytes.toString('latin1')
        if (received === 'first second') resolve()
      }),
    )
    client.write('first')
    await new Promise(setImmediate)
    client.write(' second')
    await all
    client.end()
    await closing(socket)
  })

  it('passes a megabyte behind its header untouched', async () => {
    const { dial, nextEntered } = await listen()
    const client = await dial()
    const sent = Buffer.alloc(1024 * 1024, 'PROXY TCP4 ')
    client.end(Buffer.concat([V1, sent]))
    expect((await text(await nextEntered())) === sent.toString()).toBe(true)
  })

  it.each([
    ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n', 'proxy-header-missing', 'an SSH identification'],
    ['HTTP', 'GET / HTTP/1.1\r\n\r\n', 'proxy-header-missing', 'an HTTP request'],
    ['a wrong signature', '\r\n\r\n\0\r\nQUIT\r', 'proxy-header-missing', 'something else'],
    ['no address', 'PROXY TCP4 x y 1 2\r\n', 'proxy-header-malformed', 'its addresses or ports are none of TCP4'],
    ['a line without end', `PROXY UNKNOWN ${'x'.repeat(100)}`, 'proxy-header-malformed', 'its line does not end'],
    ['a megabyte of anything', 'x'.repeat(1024 * 1024), 'proxy-header-missing', 'something else'],
  ])('is closed for %s', async (_what, sent, reason, detail) => {
    const { dial, nextRefusal, entered } = await listen()
    const client = await dial()
    client.write(Buffer.from(sent, 'latin1'))
    const refused = await nextRefusal()
    expect(refused).toEqual({ fault: { reason, detail }, source: expect.stringContaining(`${BALANCER}:`) as string })
    client.resume()
    await closing(client)
    expect(entered).toEqual([])
  })

  it('that ends before it has sent anything is let go without a word, by FIN or by RST', async () => {
    const { dial, accepted, until, refusals } = await listen()
    for (const leave of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
      const client = await dial()
      await until(() => accepted.length > 0)
      const socket = accepted.shift() as Socket
      const closed = closing(socket)
      leave(client)
      await closed
    }
    expect(refusals).toEqual([])
  })

  it.each([1, 5, 20, V1.length - 1])('that ends after %d bytes of its header is told of', async (length) => {
    const { dial, nextRefusal } = await listen()
    const client = await dial()
    client.end(V1.subarray(0, length))
    expect((await nextRefusal()).fault).toEqual({ reason: 'proxy-header-malformed', detail: 'it ended in the middle' })
  })

  it.each(['', 'PROXY TCP4 192.0.2.7'])('that sends no more than %j is closed when its time is over', async (sent) => {
    const { dial, nextRefusal } = await listen({ timeout: 50 })
    const client = await dial()
    client.write(sent)
    expect((await nextRefusal()).fault).toEqual({ reason: 'proxy-header-timeout', detail: '0.05 s' })
    client.resume()
    await closing(client)
  })

  it('with a header has all time that it likes behind it', async () => {
    const { dial, nextEntered } = await listen({ timeout: 50 })
    const client = await dial()
    client.write(V1)
    const socket = await nextEntered()
    await new Promise((resolve) => setTimeout(resolve, 100))
    client.end('late')
    expect(await text(socket)).toBe('late')
  })

  it('is its own where its header tells no source, or itself', async () => {
    const { dial, nextEntered } = await listen()
    const itself = `PROXY TCP4 ${BALANCER} 127.0.0.1 1 2\r\n`
    const headers = [v2Header({ command: 0 }), v2Header({ family: 0 }), 'PROXY UNKNOWN\r\n', itself]
    for (const header of headers.map((each) => Buffer.from(each))) {
      const client = await dial()
      client.end(header)
      const socket = await nextEntered()
      expect(socket.remoteAddress).toBe(BALANCER)
      expect(isOfProxyItself(socket)).toBe(true)
      expect(await text(socket)).toBe('')
    }
  })
})

describe('who waits for a header', () => {
  it('has two thirds of the places at most where it is one load balancer, and leaves the others theirs', async () => {
    const { dial, until, refusals, accepted, nextEntered } = await listen({ maxWaiting: 9 })
    const silent = await Promise.all(Array.from({ length: 10 }, () => dial()))
    await until(() => refusals.length === 4)
    expect(refusals.map(({ fault }) => fault.reason)).toEqual(Array.from({ length: 4 }, () => 'too-many-proxied'))
    const other = await dial(OTHER_BALANCER)
    other.write(V1)
    expect(sourceOf(await nextEntered())).toBe(TOLD)
    // A place is free once its header is there, or its connection gone.
    const gone = accepted.filter(({ destroyed }) => !destroyed).map(closing)
    for (const socket of silent) socket.destroy()
    await Promise.race(gone)
    const next = await dial()
    next.write(V1)
    expect(sourceOf(await nextEntered())).toBe(TOLD)
  })

  it('is closed with the gate', async () => {
    const { dial, gate, until, accepted } = await listen()
    const client = await dial()
    await until(() => accepted.length === 1)
    gate.close()
    client.resume()
    await closing(client)
  })
})

describe('a connection from elsewhere', () => {
  it('comes in at once, and a header that it sends is not believed', async () => {
    const { dial, nextEntered } = await listen()
    const client = await dial('127.0.0.9')
    const socket = await nextEntered()
    client.end(V1)
    expect(await text(socket)).toBe(V1.toString())
    expect(socket.remoteAddress).toBe('127.0.0.9')
    expect(proxiedBy(socket)).toBeUndefined()
  })

  it('is one from each address where none is listed, which changes at once', async () => {
    const { dial, gate, nextEntered, nextRefusal } = await listen(NO_PROXIES)
    await dial()
    expect((await nextEntered()).remoteAddress).toBe(BALANCER)
    gate.configure(terms)
    const client = await dial()
    client.write('x')
    expect((await nextRefusal()).fault.reason).toBe('proxy-header-missing')
    gate.configure(NO_PROXIES)
    await dial()
    expect((await nextEntered()).remoteAddress).toBe(BALANCER)
  })
})

describe('a load balancer is known', () => {
  it.each([
    ['127.0.0.0/8', '::'],
    ['127.0.0.5/32', '::'],
    ['::ffff:127.0.0.5', '::'],
    ['::ffff:127.0.0.5', '127.0.0.1'],
  ])('by %s, on a listener at %s', async (from, host) => {
    const { dial, nextEntered } = await listen({ from: [from] }, host)
    const client = await dial()
    client.write(V1)
    expect(sourceOf(await nextEntered())).toBe(TOLD)
  })
})
