import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import { X509Certificate } from 'node:crypto'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { NO_PROXIES, type ProxyGateTerms } from '../../../../src/net/proxy-protocol/gate.js'
import { generateTlsKey, signForItself } from '../../../../src/northbound/http/server/self-signed-certificate.js'
import { createHttpListener } from '../../../../src/northbound/http/server/tcp.js'
import type { TlsMaterial } from '../../../../src/northbound/http/server/tls-material.js'
import { recordedLog } from '../recorded-log.js'

let tls: TlsMaterial
beforeAll(async () => {
  const key = await generateTlsKey()
  const cert = signForItself(key, ['localhost'], new Date())
  tls = { key: Buffer.from(key), cert: Buffer.from(cert), leaf: new X509Certificate(cert) }
})

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0).toReversed()) close()
})

async function serve(changed: { readonly requestTimeout?: number; readonly proxyProtocol?: ProxyGateTerms } = {}) {
  const { log, lines } = recordedLog()
  const counted: string[] = []
  const listener = createHttpListener(
    { fetch: () => new Response('served') },
    {
      maxConnections: 1000,
      maxPipelinedRequests: 100,
      headersTimeout: 20_000,
      requestTimeout: 20_000,
      idleTimeout: 20_000,
      proxyProtocol: NO_PROXIES,
      ...changed,
    },
    { tls, log, isUnlimited: () => true, connectionRefused: (reason) => counted.push(reason) },
  )
  listener.server.listen(0, '127.0.0.1')
  await once(listener.server, 'listening')
  open.push(() => listener.close())
  const { port } = listener.server.address() as AddressInfo
  const dial = async (): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.on('error', () => undefined)
    open.push(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  /** What comes back for these pieces, each sent by itself, to the end of the connection. */
  const send = async (...pieces: readonly (string | Buffer)[]): Promise<string> => {
    const socket = await dial()
    const answer = toClose(socket)
    for (const piece of pieces) await sent(socket, piece)
    return answer
  }
  return { listener, lines, counted, dial, send, ask: async (piece?: number) => askOverTls(await dial(), piece) }
}

/** All that comes until the connection is closed, in whichever way. */
function toClose(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    const parts: Buffer[] = []
    socket.on('data', (bytes) => parts.push(bytes))
    socket.once('close', () => resolve(Buffer.concat(parts).toString('latin1')))
  })
}

/** The bytes are with the system, and have left it by themselves. */
async function sent(socket: Socket, bytes: string | Buffer): Promise<void> {
  await new Promise<void>((resolve) => socket.write(bytes, () => setImmediate(resolve)))
}

/** A request over TLS. @param piece bytes that are sent at a time; else as they come */
async function askOverTls(socket: Socket, piece = Number.POSITIVE_INFINITY): Promise<string> {
  const way = new Duplex({
    read: () => undefined,
    write: (bytes: Buffer, _encoding, done) => {
      const pieces = async (): Promise<void> => {
        for (let at = 0; at < bytes.length; at += piece) await sent(socket, bytes.subarray(at, at + piece))
      }
      pieces().then(() => done(), done)
    },
  })
  socket.on('data', (bytes) => way.push(bytes))
  socket.on('close', () => way.push(null))
  const client = connectTls({ socket: way, rejectUnauthorized: false })
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  return text(client)
}

const bytesOf = (text: string): readonly string[] => text.split('')
const V2 = Buffer.from('0d0a0d0a000d0a515549540a2000000000', 'hex')
const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
const ANSWER =
  /^HTTP\/1\.1 400 Bad Request\r\n.*\r\nConnection: close\r\n\r\nthis port speaks TLS: use https:\/\/ instead/s

describe('a port of the HTTP API that speaks TLS', () => {
  it.each([
    ['GET', GET],
    ['a request of HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n'],
    ['a request of a proxy', 'CONNECT x:1 HTTP/1.1\r\n\r\n'],
    ['a POST with a body', `POST /x HTTP/1.1\r\nContent-Length: 300000\r\n\r\n${'x'.repeat(300_000)}`],
    ['a POST that says more than it sends', 'POST /x HTTP/1.1\r\nContent-Length: 300000\r\n\r\n'],
    ['HTTP/2 without TLS', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['the first word of a request alone', 'GET '],
  ])('answers %s over plain HTTP in plain HTTP', async (_name, request) => {
    const { send, counted, lines } = await serve()
    expect(await send(request)).toMatch(ANSWER)
    expect(await send(...bytesOf(request.slice(0, 20)), request.slice(20))).toMatch(ANSWER)
    expect(counted).toEqual(['http-on-https-port', 'http-on-https-port'])
    expect(lines().filter(({ reason }) => reason === 'http-on-https-port')[0]).toMatchObject({
      level: 'warn',
      msg: 'client refused: plain HTTP is spoken on a port that serves HTTPS',
      source: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    })
  })

  it('sends no body to HEAD, and says how long it would be', async () => {
    const { send } = await serve()
    expect(await send('HEAD / HTTP/1.1\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 .*\r\nContent-Length: [1-9]\d*\r\n.*\r\n\r\n$/s,
    )
  })

  it.each([
    ['SSH', 'SSH-2.0-x\r\n'],
    ['a device that calls home', 'MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\n'],
  ])('answers %s in SSH', async (_name, words) => {
    const { send, counted } = await serve()
    for (const answer of [await send(words), await send(...bytesOf(words))])
      expect(answer).toMatch(/^SSH-2\.0-.+SSH is spoken on the port of/s)
    expect(counted).toEqual(['ssh-on-http-port', 'ssh-on-http-port'])
  })

  it.each([
    ['1', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n')],
    ['2', V2],
  ])('names a PROXY header of version %s that nobody asked for, and says nothing', async (_version, header) => {
    const { send, counted } = await serve()
    expect(await send(header)).toBe('')
    expect(await send(header.subarray(0, 3), header.subarray(3))).toBe('')
    expect(counted).toEqual(['proxy-header-unexpected', 'proxy-header-unexpected'])
  })

  it('tells the source of a plain request that comes through a load balancer', async () => {
    const { send, lines } = await serve({ proxyProtocol: { from: ['127.0.0.1'], timeout: 20_000, maxWaiting: 10 } })
    expect(await send(`PROXY TCP4 192.0.2.1 192.0.2.2 4711 2\r\n${GET}`)).toMatch(ANSWER)
    expect(await send('PROXY TCP4 192.0.2.1 192.0.2.2 4712 2\r\n', ...bytesOf(GET))).toMatch(ANSWER)
    const refused = lines().filter(({ reason }) => reason === 'http-on-https-port')
    expect(refused.map(({ source }) => source)).toEqual(['192.0.2.1:4711', '192.0.2.1:4712'])
  })

  it('serves TLS however its first bytes come', async () => {
    const { ask, counted } = await serve()
    for (const piece of [undefined, 1, 2, 7, 100]) expect(await ask(piece)).toMatch(/\r\n\r\n.*served/s)
    expect(counted).toEqual([])
  })

  it('closes whoever sends nothing, or too little to tell', async () => {
    const { send, counted } = await serve({ requestTimeout: 100 })
    expect(
      await Promise.all(['', 'G', 'GET', 'SSH', 'garbage', '\x16', '\x16\x03\x01'].map((bytes) => send(bytes))),
    ).toEqual(Array.from({ length: 7 }, () => ''))
    expect(counted).toEqual([])
  })

  it('leaves garbage to TLS, which closes', async () => {
    const { send, ask, counted } = await serve()
    for (const garbage of ['x'.repeat(17), 'y'.repeat(100_000), '\0'.repeat(20), `GETGETGETGETGET ${'x'.repeat(20)}`]) {
      const answer = await send(garbage)
      expect(answer).not.toMatch(/HTTP/)
    }
    expect(await ask()).toMatch(/served/)
    expect(counted).toEqual([])
  })

  it('goes on whoever hangs up, and wherever: gone is gone, and half a word is nobody', async () => {
    const { dial, ask, counted, send } = await serve()
    const hello = await clientHello()
    for (const opening of [Buffer.from('GET '), Buffer.from('SSH-'), V2.subarray(0, 12), hello])
      for (let length = 0; length < Math.min(opening.length, 24); length += 1)
        for (const end of ['end', 'resetAndDestroy'] as const) {
          const socket = await dial()
          const closed = toClose(socket)
          if (length > 0) await sent(socket, opening.subarray(0, length))
          socket[end]()
          await closed
        }
    expect(await ask()).toMatch(/served/)
    expect(counted).toEqual([])
    expect(await send(GET)).toMatch(ANSWER)
  })

  it('answers hundreds at once, and writes ten lines', async () => {
    const { send, ask, counted, lines } = await serve()
    const all = await Promise.all([...Array.from({ length: 300 }, () => send(GET)), ask(), ask(1)])
    expect(all.filter((answer) => ANSWER.test(answer))).toHaveLength(300)
    expect(all.slice(300).every((answer) => answer.includes('served'))).toBe(true)
    expect(counted).toHaveLength(300)
    expect(lines().filter(({ reason }) => reason === 'http-on-https-port')).toHaveLength(10)
  })

  it('lets no one keep it from closing who has sent nothing, or goes on sending', async () => {
    const { listener, dial } = await serve()
    const [silent, halfWay, answered] = [await dial(), await dial(), await dial()]
    const closed = Promise.all([silent, halfWay, answered].map(toClose))
    await sent(halfWay, 'GE')
    await sent(answered, GET)
    listener.close()
    await closed
    await expect.poll(async () => count(listener.server)).toBe(0)
  })
})

function count(server: {
  getConnections: (done: (error: Error | null, count: number) => void) => unknown
}): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, held) => (error ? reject(error) : resolve(held)))
  })
}

/** What a client of TLS sends first. */
async function clientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const way = new Duplex({ read: () => undefined, write: (bytes: Buffer, _encoding, _done) => resolve(bytes) })
    connectTls({ socket: way, rejectUnauthorized: false }).on('error', () => undefined)
  })
}
