import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { field, v2Header } from '../net/proxy-protocol/headers.js'
import { freePort } from './parts/free-port.js'
import { waitFor } from './parts/wait-for.js'
import { type ConfigFile, type LogLine, type RunningBridge, startBridge } from './support/bridge.js'
import { metricsOf } from './support/metrics.js'
import { endAfterEach } from './support/resources.js'
import { login } from './support/test-client.js'
import { ops, opsUser } from './support/users.js'

const own = endAfterEach()

const BALANCER = '127.0.0.5'
/** Another one each time, because whoever sends garbage is kept out for a while. */
let strangers = 0
const newStranger = (): string => `127.0.66.${(strangers += 1)}`
const OWN_ADDRESS = '127.9.0.1'

/** A header of version 1. */
const told = (source = '192.0.2.7', destination = '127.0.0.1'): Buffer =>
  Buffer.from(`PROXY TCP4 ${source} ${destination} 56324 830\r\n`)
const LOCAL = v2Header({ command: 0, family: 0, addresses: Buffer.alloc(0) })
const authorization = `Authorization: Basic ${Buffer.from(`${ops.name}:${ops.password}`).toString('base64')}`
const get = (path: string, ...headers: readonly string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers, '', ''].join('\r\n')

const LISTENERS = ['call-home.ssh', 'endpoint.ssh', 'endpoint.http', 'the port of a device'] as const
type Listener = (typeof LISTENERS)[number]

/** The section of the configuration that a listener has. */
const sectionOf = (listener: Listener): string => (listener === 'the port of a device' ? 'endpoint.ssh' : listener)

/** A connection is over, in whichever way. */
const over = (socket: Socket): Promise<void> =>
  new Promise((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())))

let bridge: RunningBridge
let ports: Readonly<Record<Listener, number>>
let ownPort: number

/** Behind balancers at these addresses. */
const configOf = (from: readonly string[], http: ConfigFile = {}, exempt: readonly string[] = []): ConfigFile => {
  const list = { 'proxy-protocol': { from, timeout: '300ms', 'max-waiting': 60 } }
  return {
    credentials: { default: { username: 'netconf', password: 'x' } },
    devices: [{ id: 'router1', secret: 'x', endpoint: { port: ownPort, address: OWN_ADDRESS } }],
    users: [opsUser()],
    'call-home': { ssh: list },
    endpoint: {
      ssh: { ...list, 'max-unauthenticated': 60 },
      http: { ...list, 'trusted-proxies': ['10.0.0.9', BALANCER], ...http },
    },
    sources: { penalties: { exempt, minimum: '100ms' } },
  }
}

beforeAll(async () => {
  ownPort = await freePort()
  bridge = await startBridge(configOf([BALANCER]))
  ports = {
    'call-home.ssh': bridge.callHomePort,
    'endpoint.ssh': bridge.endpointPort,
    'endpoint.http': Number(new URL(bridge.httpUrl).port),
    'the port of a device': ownPort,
  }
})
afterAll(() => bridge?.stop())

function dial(listener: Listener, from = BALANCER): Socket {
  const socket = connect({ port: ports[listener], host: '127.0.0.1', localAddress: from, noDelay: true })
  socket.on('error', () => undefined)
  own({ stop: () => void socket.destroy() })
  return socket
}

/** Sends something, reads what comes, and settles once the bridge has closed the connection. */
async function exchange(listener: Listener, sent: Buffer | string, from = BALANCER): Promise<string> {
  const socket = dial(listener, from)
  let received = ''
  socket.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1')
  })
  socket.write(sent)
  await over(socket)
  return received
}

/** The identification of the bridge, by which a client knows that it is being served. */
async function greeting(listener: Listener, header: Buffer): Promise<string> {
  const socket = dial(listener)
  socket.write(header)
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  // A key exchange that has begun may follow in the same packet.
  return bytes.toString('latin1').split('\r\n')[0] ?? ''
}

const refused = (fields: Partial<LogLine>, from: number): Promise<LogLine> =>
  bridge.logged(/^(call|client) refused/, fields, { from })

describe.each(LISTENERS.slice(0, 3))('%s', (listener) => {
  it.each([
    ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n', 'proxy-header-missing', 'sent an SSH identification without a PROXY header'],
    ['HTTP', get('/readyz'), 'proxy-header-missing', 'sent an HTTP request without a PROXY header'],
    ['a call home', 'MSG-ID: DEVICE-CONN-INFO\r\n', 'proxy-header-missing', 'sent an initiation sequence without'],
    ['TLS', Buffer.of(0x16, 3, 1, 2, 0, 1), 'proxy-header-missing', 'sent a TLS ClientHello without'],
    ['a wrong signature', '\r\n\r\n\0\r\nQUIT\r', 'proxy-header-missing', 'sent something else without'],
    ['a megabyte', Buffer.alloc(1024 * 1024), 'proxy-header-missing', 'sent something else without'],
    ['no addresses', 'PROXY TCP4\r\n', 'proxy-header-malformed', 'of no use: its addresses or ports are none of TCP4'],
    ['a UNIX socket', v2Header({ family: 0x31 }), 'proxy-header-malformed', 'its source is a UNIX socket'],
    ['too much', v2Header({ length: 65_000 }), 'proxy-header-malformed', 'it has 65016 bytes, and 4096 are read'],
    ['a wrong checksum', v2Header({ fields: field(3, Buffer.alloc(4)) }), 'proxy-header-malformed', 'checksum'],
    ['nothing', '', 'proxy-header-timeout', 'sent no whole PROXY header for 0.3 s'],
    ['half a header', told().subarray(0, 20), 'proxy-header-timeout', 'sent no whole PROXY header for 0.3 s'],
  ])('is closed to a balancer that sends %s, without an answer', async (_what, sent, reason, words) => {
    const from = bridge.lines.all.length
    expect(await exchange(listener, sent)).toBe('')
    const line = await refused({ reason }, from)
    expect(line).toMatchObject({ level: 'warn', msg: expect.stringContaining(words) as string })
    expect(line['source']).toMatch(/^127\.0\.0\.5:\d+$/)
    expect(line['hint']).toContain(`${sectionOf(listener)}.proxy-protocol`)
  })

  it('tells of a balancer that hangs up in its header, and not of one that does so before', async () => {
    const from = bridge.lines.all.length
    const leavings: ((socket: Socket) => void)[] = [(socket) => socket.end(), (socket) => socket.resetAndDestroy()]
    for (const leave of leavings) {
      const socket = dial(listener)
      await once(socket, 'connect')
      leave(socket)
      await over(socket)
    }
    const half = dial(listener)
    half.end(told().subarray(0, 20))
    await refused({ reason: 'proxy-header-malformed' }, from)
    const lines = bridge.log().filter(({ msg }) => /refused/.test(msg))
    expect(lines.at(-1)?.msg).toContain('it ended in the middle')
    expect(lines.filter(({ reason }) => reason === 'closed-early' || reason === 'sent-nothing')).toEqual([])
  })

  it.each([
    ['version 1', told()],
    ['version 2', v2Header()],
  ])('believes no header of somebody else, and says who it is: %s', async (_version, header) => {
    const from = bridge.lines.all.length
    const stranger = newStranger()
    await exchange(listener, Buffer.concat([header, Buffer.from('SSH-2.0-x\r\n')]), stranger)
    const line = await refused({ reason: 'proxy-header-unexpected' }, from)
    expect(line['source']).toContain(`${stranger}:`)
    expect(line['hint']).toContain(`${sectionOf(listener)}.proxy-protocol.from`)
  })

  it('has places for those whose header is not there, and says when a balancer has its share of them', async () => {
    const from = bridge.lines.all.length
    const sockets = Array.from({ length: 60 }, () => dial(listener))
    await refused({ reason: 'too-many-proxied' }, from)
    for (const socket of sockets) socket.resetAndDestroy()
    await Promise.all(sockets.map(over))
  })

  it('serves the next connection of a balancer whose others went wrong, which is never penalised', async () => {
    const from = bridge.lines.all.length
    for (let round = 0; round < 5; round += 1) {
      await exchange(listener, 'nonsense')
      // Connections of its own, and what they send is no better.
      await exchange(listener, Buffer.concat([LOCAL, Buffer.from('\r\n\0\0\r\n\r\nnonsense\r\n'.repeat(1000))]))
    }
    if (listener === 'endpoint.http')
      expect(await exchange(listener, Buffer.concat([LOCAL, Buffer.from(get('/readyz'))]))).toMatch(/^HTTP\/1\.1 200 /)
    else if (listener === 'call-home.ssh') {
      await exchange(listener, Buffer.concat([told(), Buffer.from(get('/'))]))
      await refused({ reason: 'not-ssh', source: '192.0.2.7:56324' }, from)
    } else expect(await greeting(listener, LOCAL)).toBe('SSH-2.0-Homeport')
    const penalised = bridge.log().filter(({ msg, address }) => /penalised/.test(msg) && address === BALANCER)
    expect(penalised).toEqual([])
  })
})

describe('the port of a device', () => {
  it('is behind a balancer as the others are', async () => {
    await bridge.reload(configOf([BALANCER]))
    const from = bridge.lines.all.length
    expect(await exchange('the port of a device', Buffer.from('PROXY TCP4\r\n'))).toBe('')
    await refused({ reason: 'proxy-header-malformed' }, from)
    expect(await greeting('the port of a device', told('192.0.2.9'))).toBe('SSH-2.0-Homeport')
  })
})

describe('what a header tells', () => {
  it('goes before what came in the same packet, of which nothing is lost', async () => {
    expect(await greeting('endpoint.ssh', Buffer.concat([told('192.0.2.6'), Buffer.from('SSH-2.0-x\r\n')]))).toBe(
      'SSH-2.0-Homeport',
    )
    const from = bridge.lines.all.length
    const request = get('/api/v1/devices', authorization)
    const answer = await exchange('endpoint.http', Buffer.concat([v2Header(), Buffer.from(request)]))
    expect(answer).toMatch(/^HTTP\/1\.1 403 /)
    await bridge.logged(/^request$/, { path: '/api/v1/devices', source: '192.0.2.7:56324' }, { from })
  })

  it('may come byte by byte, before anything of the client', async () => {
    const socket = dial('endpoint.ssh')
    await once(socket, 'connect')
    const greeted = once(socket, 'data')
    for (const byte of told('192.0.2.8')) {
      socket.write(Buffer.of(byte))
      await new Promise(setImmediate)
    }
    expect(String((await greeted)[0])).toContain('SSH-2.0-Homeport')
  })

  it('is who has a share of the places, so that one client behind a balancer leaves the others theirs', async () => {
    const from = bridge.lines.all.length
    const sockets: Socket[] = []
    // One after the other: of those whose header has not come yet the balancer may have so many only.
    for (let count = 0; count < 80; count += 1) {
      const socket = dial('endpoint.ssh')
      sockets.push(socket)
      socket.write(told('192.0.2.99'))
      await Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(() => undefined)
    }
    await refused({ reason: 'too-many-from-source', source: '192.0.2.99:56324' }, from)
    expect(await greeting('endpoint.ssh', told('203.0.113.1'))).toBe('SSH-2.0-Homeport')
    for (const socket of sockets) socket.destroy()
    await waitFor('the places to be free', async () => {
      const now = await metricsOf(bridge)
      return now.get('homeport_client_handshakes{state="arriving"}') === 0
    })
  })

  it('is who is penalised, and who is not looked at again until that is over', async () => {
    const from = bridge.lines.all.length
    for (let round = 0; round < 3; round += 1)
      await exchange('endpoint.ssh', Buffer.concat([told('192.0.2.50'), Buffer.from(get('/'))]))
    await bridge.logged(/^source penalised/, { address: '192.0.2.50' }, { from })
    await refused({ reason: 'penalised', source: '192.0.2.50:56324' }, from)
    expect(await greeting('endpoint.ssh', told('192.0.2.51'))).toBe('SSH-2.0-Homeport')
  })

  it('is where a client logs in from, on a port and at an address of a device’s own, too', async () => {
    const loginWith = async (listener: Listener, header: Buffer) => {
      const from = bridge.lines.all.length
      const sock = dial(listener)
      sock.write(header)
      own(await login(bridge, '', { sock, username: ops.name }))
      return bridge.logged(/^client authenticated/, {}, { from })
    }
    const source = '192.0.2.70:56324'
    expect(await loginWith('the port of a device', told('192.0.2.70'))).toMatchObject({
      source,
      deviceId: 'router1',
      by: 'port',
    })
    expect(await loginWith('endpoint.ssh', told('192.0.2.70', OWN_ADDRESS))).toMatchObject({
      source,
      deviceId: 'router1',
      by: 'address',
    })
    const shared = await loginWith('endpoint.ssh', told('192.0.2.70', '10.0.0.1'))
    expect(shared).toMatchObject({ source })
    expect(shared['by']).toBeUndefined()
  })

  it('is who failed to log in', async () => {
    const from = bridge.lines.all.length
    const sock = dial('endpoint.ssh')
    sock.write(told('192.0.2.80'))
    await expect(login(bridge, 'router1', { sock, password: 'wrong' })).rejects.toThrow()
    await bridge.logged(/^authentication failed/, { source: '192.0.2.80:56324' }, { from })
  })

  it('is an IPv4 address in its own form, however it was told', async () => {
    const from = bridge.lines.all.length
    const mapped = 'PROXY TCP6 ::ffff:192.0.2.90 ::1 56324 4334\r\n'
    await exchange('call-home.ssh', Buffer.from(mapped + get('/')))
    await refused({ reason: 'not-ssh', source: '192.0.2.90:56324' }, from)
    await exchange('call-home.ssh', Buffer.from(`PROXY TCP6 fe80::9 fe80::1 56324 4334\r\n${get('/')}`))
    await refused({ reason: 'not-ssh', source: '[fe80::9]:56324' }, from)
  })
})

describe('calls over HTTP', () => {
  const asking = async (header: Buffer, ...headers: readonly string[]) => {
    const from = bridge.lines.all.length
    const request = get('/api/v1/devices', authorization, ...headers)
    const answer = await exchange('endpoint.http', Buffer.concat([header, Buffer.from(request)]))
    const { source } = await bridge.logged(/^request$/, { path: '/api/v1/devices' }, { from })
    return { status: Number(answer.slice(9, 12)), source }
  }
  const forwarded = ['X-Forwarded-For: 198.51.100.9', 'X-Forwarded-Proto: https'] as const

  it('are safe without TLS where everybody is on this machine, and nowhere else', async () => {
    expect(await asking(told('127.0.0.77'))).toEqual({ status: 200, source: '127.0.0.77:56324' })
    expect(await asking(LOCAL)).toMatchObject({ status: 200 })
    expect(await asking(told('192.0.2.7'))).toEqual({ status: 403, source: '192.0.2.7:56324' })
    expect(await asking(told('127.0.0.77', '10.0.0.1'))).toEqual({ status: 403, source: '127.0.0.77:56324' })
  })

  it('tell by their headers whence they come only where the PROXY header names a trusted proxy', async () => {
    expect(await asking(told('10.0.0.9'), ...forwarded)).toEqual({ status: 200, source: '198.51.100.9' })
    // The balancer itself is trusted as well, which does not matter to its clients.
    expect(await asking(told('192.0.2.7'), ...forwarded)).toEqual({ status: 403, source: '192.0.2.7:56324' })
    expect(await asking(LOCAL, ...forwarded)).toEqual({ status: 200, source: '198.51.100.9' })
  })

  it('of HTTP/1.0 without a host are answered', async () => {
    const answer = await exchange('endpoint.http', Buffer.concat([told(), Buffer.from('GET /readyz HTTP/1.0\r\n\r\n')]))
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('whose head never ends are closed in time', async () => {
    const from = configOf([BALANCER], { 'headers-timeout': '500ms', 'request-timeout': '500ms' })
    await bridge.reload(from)
    const answer = await exchange(
      'endpoint.http',
      Buffer.concat([told(), Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n')]),
    )
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    await bridge.reload(configOf([BALANCER]))
  })
})

describe('with TLS', () => {
  let secure: RunningBridge
  let port: number
  beforeAll(async () => {
    const http = { 'self-signed': true, 'proxy-protocol': { from: [BALANCER] } }
    secure = await startBridge({ users: [opsUser()], endpoint: { http } })
    port = Number(new URL(secure.httpUrl).port)
  })
  afterAll(() => secure?.stop())
  const dialSecure = (from = BALANCER): Socket => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from })
    socket.on('error', () => undefined)
    own({ stop: () => void socket.destroy() })
    return socket
  }
  const ask = async (socket: Socket): Promise<string> => {
    const client = tls.connect({ socket, rejectUnauthorized: false })
    client.write(get('/api/v1/devices', authorization))
    return text(client)
  }

  it('a call comes from where the header says, however many there are at a time', async () => {
    const sources = Array.from({ length: 20 }, (_, at) => `192.0.2.${at + 1}`)
    const answers = await Promise.all(
      sources.map((source) => {
        const socket = dialSecure()
        socket.write(told(source))
        return ask(socket)
      }),
    )
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    for (const source of sources) await secure.logged(/^request$/, { source: `${source}:56324` })
  })

  it('header and ClientHello may come in one packet', async () => {
    const socket = dialSecure()
    socket.cork()
    socket.write(told('192.0.2.200'))
    const answer = ask(socket)
    setImmediate(() => socket.uncork())
    expect(await answer).toMatch(/^HTTP\/1\.1 200 /)
    await secure.logged(/^request$/, { source: '192.0.2.200:56324' })
  })

  it('a failed handshake is told of where the header says, and a direct call is what it was', async () => {
    // A ClientHello of five bytes, none of which makes sense.
    dialSecure().end(Buffer.concat([told('192.0.2.201'), Buffer.from('1603010005ffffffffff', 'hex')]))
    await secure.logged(/^TLS handshake failed/, { source: '192.0.2.201:56324' })
    dialSecure().end(Buffer.concat([told('192.0.2.202'), Buffer.from('SSH-2.0-x\r\n')]))
    await secure.logged(/^client refused/, { reason: 'ssh-on-http-port', source: '192.0.2.202:56324' })
    expect(await ask(dialSecure(newStranger()))).toMatch(/^HTTP\/1\.1 200 /)
    expect((await secure.logged(/^request$/, {}, { from: secure.lines.all.length - 1 }))['source']).toMatch(
      /^127\.0\.66\.\d+:/,
    )
  })
})

describe('a reload', () => {
  it('changes who is a balancer, on every port', async () => {
    await bridge.reload(configOf(['127.0.0.9'], {}, [BALANCER]))
    const from = bridge.lines.all.length
    for (const listener of LISTENERS)
      await exchange(listener, Buffer.concat([v2Header(), Buffer.from('SSH-2.0-x\r\n')]))
    const unexpected = bridge.log().filter(({ reason }) => reason === 'proxy-header-unexpected')
    expect(unexpected.slice(-4).map(({ source }) => String(source).split(':')[0])).toEqual(
      Array.from({ length: 4 }, () => BALANCER),
    )
    const socket = dial('endpoint.ssh', '127.0.0.9')
    socket.write(told())
    await once(socket, 'data')
    await bridge.reload(configOf([]))
    const direct = dial('endpoint.ssh', '127.0.0.9')
    await once(direct, 'data')
    expect(bridge.log().length).toBeGreaterThan(from)
  })
})

it('a stop does not wait for headers that never come', async () => {
  const slow = { 'proxy-protocol': { from: [BALANCER], timeout: '60s' } }
  const stopping = await startBridge({
    users: [opsUser()],
    'call-home': { ssh: slow },
    endpoint: { ssh: slow, http: slow },
  })
  const sockets = [stopping.callHomePort, stopping.endpointPort, Number(new URL(stopping.httpUrl).port)].map((port) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: BALANCER })
    socket.on('error', () => undefined)
    return socket
  })
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  for (const socket of sockets) socket.resume()
  await stopping.stop()
  await Promise.all(sockets.map(over))
})
