import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { AuthContext, Connection } from 'ssh2'
import { afterEach, describe, expect, it } from 'vitest'
import type { Link } from '../../../src/fleet/link.js'
import { parseCertificate } from '../../../src/ssh/certificate.js'
import { generatePrivateKey } from '../../../src/ssh/generate-private-key.js'
import { createKeepalive } from '../../../src/ssh/keepalive.js'
import { parsePrivateKey } from '../../../src/ssh/private-key.js'
import { ssh2 } from '../../../src/ssh/ssh2/load.js'
import { createUsersSessions } from '../../../src/southbound/ssh/open-as-user.js'
import { createLog } from '../../../src/telemetry/log.js'
import type { Credentials } from '../../../src/trust/credentials.js'
import type { Evidence } from '../../../src/trust/evidence.js'
import { openTrustedLink } from '../support/trusted-link.js'
import { openSocketPair, type SocketPair } from '../support/socket-pair.js'

const hostKey = generatePrivateKey('ed25519', 'device')
const ca = parsePrivateKey(generatePrivateKey('ed25519', 'ca'))
const netconf = { kind: 'subsystem', name: 'netconf' } as const

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

interface Device {
  readonly link: Link
  readonly sockets: SocketPair
  /** The bridge's end of connections to the device's own port, as the device sees them. */
  readonly inner: Socket[]
  readonly dialled: () => number
}

/** A device whose own SSH server does what a test says with each connection, and what binds it to the bridge. */
async function deviceWith(
  serve: (socket: Socket) => void,
  credentials: (deviceId: string, because: Evidence, account?: string) => Credentials | undefined = perUser,
): Promise<Device> {
  const sockets = await openSocketPair()
  const inner: Socket[] = []
  const own = createServer((socket) => {
    socket.on('error', () => undefined)
    inner.push(socket)
    serve(socket)
  }).listen(0, '127.0.0.1')
  await once(own, 'listening')
  const { port } = own.address() as { port: number }
  const server = new ssh2.Server({ hostKeys: [hostKey] })
  let dialled = 0
  server.on('connection', (connection: Connection) => {
    connection.on('error', () => undefined)
    connection.on('authentication', (context) => context.accept())
    connection.on('session', (_accept, reject) => reject())
    connection.on('tcpip', (accept) => {
      dialled += 1
      const channel = accept()
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => channel.close())
      channel.on('error', () => socket.destroy())
      channel.pipe(socket).pipe(channel)
      channel.once('close', () => socket.destroy())
    })
  })
  server.injectSocket(sockets.device)
  const keepalive = createKeepalive()
  const log = createLog({ level: 'debug', format: 'json' }, { write: () => undefined })
  const link = await openTrustedLink(sockets.bridge, {
    account: () => 'staff',
    keepalive,
    channels: { channelOpenTimeout: 1_000, channelCloseTimeout: 1_000 },
    usersSessions: createUsersSessions({ credentialsFor: credentials, keepalive, log }),
  })
  stops.push(() => {
    sockets.stop()
    own.close()
    for (const socket of inner) socket.destroy()
  })
  return { link, sockets, inner, dialled: () => dialled }
}

function perUser(): Credentials {
  if (!ca.ok) throw new Error(ca.failure.message)
  return {
    username: 'netconf',
    userCa: { key: ca.key, principals: ['netconf'], lifetimeMinutes: 5 },
    perUser: { port: 22 },
  }
}

/** A device's own SSH server on a connection. */
function ssh(
  socket: Socket,
  {
    key = hostKey,
    login = (context: AuthContext) => context.accept(),
    session = (take: () => void) => take(),
  }: {
    readonly key?: string
    readonly login?: (context: AuthContext, connection: Connection) => void
    readonly session?: (take: () => void, reject: () => void, connection: Connection) => void
  } = {},
): void {
  const server = new ssh2.Server({ hostKeys: [key] })
  server.on('connection', (connection: Connection) => {
    connection.on('error', () => undefined)
    connection.on('authentication', (context) => login(context, connection))
    connection.on('session', (accept, reject) => {
      const take = (): void =>
        void accept().on('subsystem', (takeIt) => {
          const channel = takeIt()
          channel.on('error', () => undefined)
          channel.pipe(channel)
        })
      session(take, () => reject(), connection)
    })
  })
  server.injectSocket(socket)
}

describe('a session as its user', () => {
  it('is logged in to with a certificate of the name of the user alone, which forwards nothing', async () => {
    const seen: string[] = []
    const { link, inner } = await deviceWith((socket) =>
      ssh(socket, {
        login: (context) => {
          if (context.method !== 'publickey') return context.reject(['publickey'])
          const parsed = parseCertificate(context.key.data)
          if (!parsed.ok) return context.reject()
          const { keyId, principals, extensions, criticalOptions, validBefore, validAfter } = parsed.certificate
          const seconds = Number(validBefore - validAfter)
          seen.push(
            JSON.stringify([
              context.username,
              keyId,
              principals,
              [...extensions.keys()],
              [...criticalOptions.keys()],
              seconds,
            ]),
          )
          context.accept()
        },
      }),
    )
    expect(link.perUser?.()).toBe(true)
    const opening = await link.openChannel(netconf, 'noc1')
    if (!opening.ok) throw new Error(opening.message)
    expect(new Set(seen)).toEqual(new Set([JSON.stringify(['noc1', 'noc1', ['noc1'], ['permit-pty'], [], 360])]))
    const { stream } = opening.channel
    stream.write('echo')
    const [bytes] = (await once(stream, 'data')) as [Buffer]
    expect(bytes.toString()).toBe('echo')
    // The connection ends with its session, and the link stays.
    const gone = once(inner[0] ?? stream, 'close')
    opening.channel.close()
    stream.resume()
    opening.channel.standardError.resume()
    await opening.channel.closed
    await gone
    expect((await link.openChannel(netconf, 'noc2')).ok).toBe(true)
  })

  it('is not opened for a name that is no account, and the device is not asked', async () => {
    const { link, dialled } = await deviceWith((socket) => ssh(socket))
    for (const name of ['root', 'netconf', 'a,b', '-x', 'a\nb', ''])
      expect(await link.openChannel(netconf, name)).toMatchObject({ ok: false, cause: 'account-name' })
    expect(dialled()).toBe(0)
  })

  it('is never the account of the link, whatever the device does', async () => {
    const logins: string[] = []
    const { link } = await deviceWith((socket) =>
      ssh(socket, {
        login: (context) => {
          logins.push(`${context.method} ${context.username}`)
          context.reject(['password', 'keyboard-interactive', 'publickey'])
        },
      }),
    )
    expect(await link.openChannel(netconf, 'noc1')).toMatchObject({
      cause: 'account',
      message: 'it did not let them in',
    })
    expect(logins.every((login) => login.endsWith(' noc1') && !/password|keyboard/.test(login))).toBe(true)
  })

  it('is not opened where another host key answers: nothing of the user is sent', async () => {
    let asked = 0
    const { link } = await deviceWith((socket) =>
      ssh(socket, { key: generatePrivateKey('ed25519', 'other'), login: () => void (asked += 1) }),
    )
    expect(await link.openChannel(netconf, 'noc1')).toMatchObject({ ok: false, cause: 'host-key', port: 22 })
    expect(asked).toBe(0)
  })

  it.each<[string, (socket: Socket) => void]>([
    ['hangs up at once', (socket) => void socket.end()],
    ['resets', (socket) => void socket.resetAndDestroy()],
    ['says nothing', () => undefined],
    ['speaks something else', (socket) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(100))],
    ['sends half an identification', (socket) => void socket.write('SSH-2.0-half')],
    ['hangs up after its identification', (socket) => void socket.end('SSH-2.0-x\r\n')],
    [
      'sends garbage after its identification',
      (socket) => void socket.write(`SSH-2.0-x\r\n${'\u00FF'.repeat(70_000)}`),
    ],
  ])('is not opened where the port %s, and the link goes on', async (_what, serve) => {
    let first = true
    const { link } = await deviceWith((socket) => {
      if (first) serve(socket)
      else ssh(socket)
      first = false
    })
    const opening = await link.openChannel(netconf, 'noc1')
    expect(opening).toMatchObject({ ok: false, cause: 'host-key' })
    expect((await link.openChannel(netconf, 'noc1')).ok).toBe(true)
  })

  it.each<[string, Parameters<typeof ssh>[1], string]>([
    ['hangs up in the login', { login: (_context, connection) => void connection.end() }, 'account'],
    ['does not answer the login', { login: () => undefined }, 'host-key'],
    ['refuses the session', { session: (_take, reject) => reject() }, 'account'],
    ['hangs up at the session', { session: (_take, _reject, connection) => void connection.end() }, 'account'],
    ['does not answer the session', { session: () => undefined }, 'unanswered'],
  ])('is not opened where the server %s, and the link goes on', async (_what, how, cause) => {
    let first = true
    const { link } = await deviceWith((socket) => {
      ssh(socket, first ? how : {})
      first = false
    })
    expect(await link.openChannel(netconf, 'noc1')).toMatchObject({ ok: false, cause })
    expect(link.lostChannels()).toBe(0)
    expect((await link.openChannel(netconf, 'noc1')).ok).toBe(true)
  })

  it('ends with the link, as do those that are being opened', async () => {
    let connections = 0
    const { link, sockets } = await deviceWith((socket) => {
      connections += 1
      if (connections === 1) return ssh(socket)
      sockets.device.destroy()
    })
    const opened = await link.openChannel(netconf, 'noc1')
    if (!opened.ok) throw new Error(opened.message)
    opened.channel.stream.on('error', () => undefined)
    opened.channel.stream.resume()
    opened.channel.standardError.resume()
    expect(await link.openChannel(netconf, 'noc2')).toMatchObject({ ok: false, cause: 'link-closed' })
    await opened.channel.closed
    expect(opened.channel.linkEnd()).toBeDefined()
  })

  it('is the account of the link again once nothing says otherwise', async () => {
    let credentials: Credentials = perUser()
    const { link, dialled } = await deviceWith(
      (socket) => ssh(socket),
      () => credentials,
    )
    const { perUser: _, ...others } = credentials
    credentials = others
    expect(link.perUser?.()).toBe(false)
    // This device refuses sessions on the link itself.
    expect(await link.openChannel(netconf, 'noc1')).toMatchObject({ ok: false, cause: 'no-more-sessions' })
    expect(dialled()).toBe(0)
  })
  it('is not the account of the link where its credentials have left the file', async () => {
    const bound = new Map([['staff', perUser()]])
    const { perUser: _, ...shared } = perUser()
    const { link, dialled } = await deviceWith(
      (socket) => ssh(socket),
      // The device has two accounts, and the first one is nobody's own.
      (_deviceId, _because, account) => (account === undefined ? shared : bound.get(account)),
    )
    bound.clear()
    expect(link.perUser?.()).toBe(true)
    expect(await link.openChannel(netconf, 'noc1')).toMatchObject({ ok: false, cause: 'account' })
    expect(dialled()).toBe(0)
  })
})
