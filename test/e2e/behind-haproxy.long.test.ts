import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { freePort } from './parts/free-port.js'
import { startHaproxy } from './parts/haproxy.js'
import { makeSshKey, type SshKey } from './parts/ssh-keys.js'
import { type SshdDevice, startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { waitFor } from './parts/wait-for.js'
import { deviceLogin } from './support/attached-device.js'
import { auditedOnce, auditFileOf } from './support/audit-lines.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { type CurlAnswer, curl } from './support/curl.js'
import { jump } from './support/jump.js'
import { metricsOf } from './support/metrics.js'
import { endAfterEach, type Stoppable } from './support/resources.js'
import { login, openNetconf, readAll } from './support/test-client.js'
import { ops, opsUser } from './support/users.js'

const own = endAfterEach()

/** From where haproxy dials the bridge. */
const BALANCER = '127.0.0.5'
const CLIENT = '127.0.0.77'
const OTHER_CLIENT = '127.0.0.78'
const HOSTILE = '127.0.0.66'
const SECRET = 'secret-of-the-device'

interface Balanced {
  readonly ports: { readonly callHome: number; readonly endpoint: number; readonly http: number }
  /** The state of each server by its name, as haproxy sees it. */
  readonly servers: () => Promise<ReadonlyMap<string, ServerState>>
  readonly stop: () => Promise<void>
}

interface ServerState {
  readonly status: string
  readonly check: string
}

/** haproxy before a bridge, with a health check of each kind that it has. */
async function startBalancer(bridge: RunningBridge, send: string, directory: string): Promise<Balanced> {
  const ports = { callHome: await freePort(), endpoint: await freePort() }
  const admin = join(directory, 'admin.sock')
  const http = Number(new URL(bridge.httpUrl).port)
  const server = (name: string, port: number): string =>
    `server ${name} 127.0.0.1:${port} source ${BALANCER} ${send} check inter 100ms`
  const haproxy = await startHaproxy(
    (port) => `global
  stats socket ${admin} mode 600 level user
listen http
  mode tcp
  timeout check 10s
  bind 127.0.0.1:${port}
  option httpchk GET /readyz
  ${server('http', http)}
listen call-home
  mode tcp
  timeout check 10s
  bind 127.0.0.1:${ports.callHome}
  ${server('call-home', bridge.callHomePort)}
listen endpoint
  mode tcp
  timeout check 10s
  bind 127.0.0.1:${ports.endpoint}
  option tcp-check
  tcp-check expect rstring ^SSH-2.0-
  ${server('endpoint', bridge.endpointPort)}
`,
  )
  return {
    ports: { ...ports, http: haproxy.port },
    servers: async () => {
      const asked = connect(admin)
      asked.end('show stat\n')
      const [head = '', ...rows] = (await text(asked)).trim().split('\n')
      const names = head.replace('# ', '').split(',')
      return new Map(
        rows.map((row) => {
          const cells = row.split(',')
          const cell = (name: string): string => cells[names.indexOf(name)] ?? ''
          return [cell('svname'), { status: cell('status'), check: cell('check_status') }]
        }),
      )
    },
    stop: haproxy.stop,
  }
}

describe.each([
  ['version 1', 'send-proxy'],
  ['version 2', 'send-proxy-v2'],
  ['version 2 with fields and a checksum', 'send-proxy-v2 proxy-v2-options crc32c,unique-id'],
])('behind haproxy, by %s', (_version, send) => {
  const started: Stoppable[] = []
  let directory: TempDir
  let key: SshKey
  let bridge: RunningBridge
  let balancer: Balanced
  let device: SshdDevice
  /** The bridge as clients find it behind the balancer. */
  let behind: RunningBridge
  /** All before: what follows counts from here. */
  let from = 0

  beforeAll(async () => {
    directory = await makeTempDir('balanced')
    key = await makeSshKey(directory.path, 'ed25519', 'client')
    const hostKey = await makeSshKey(directory.path, 'ed25519', 'host')
    const proxied = { 'proxy-protocol': { from: [BALANCER] } }
    bridge = await startBridge({
      credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
      devices: [{ id: 'router1', secret: SECRET, 'host-keys': [hostKey.publicKey] }],
      users: [opsUser({ 'authorized-keys': [`from="${CLIENT}" ${key.publicKey}`] })],
      'call-home': { ssh: proxied },
      endpoint: { ssh: proxied, http: proxied },
      sources: {
        penalties: { exempt: [CLIENT, OTHER_CLIENT], minimum: '2s', garbage: '1500ms', unfinished: '1500ms' },
      },
    })
    started.push(bridge)
    balancer = await startBalancer(bridge, send, directory.path)
    started.push(balancer)
    behind = {
      ...bridge,
      callHomePort: balancer.ports.callHome,
      endpointPort: balancer.ports.endpoint,
      httpUrl: `http://127.0.0.1:${balancer.ports.http}`,
    }
    device = await startSshdDevice({
      deviceId: 'router1',
      bridge: { host: bridge.host, port: balancer.ports.callHome },
      preamble: 'junos-secret',
      secret: SECRET,
      hostKeys: [hostKey],
      login: deviceLogin,
      subsystems: { netconf: byteSubsystem.echo() },
    })
    started.push(device)
    await bridge.logged(/^link attached/, { deviceId: 'router1' })
    from = bridge.lines.all.length
  })
  afterAll(async () => {
    for (const { stop } of started.splice(0).toReversed()) await stop()
    await directory.remove()
  })

  const echoFrom = async (address: string): Promise<string> => {
    const client = own(await login(behind, 'router1', { localAddress: address }))
    const channel = await openNetconf(client)
    const all = readAll(channel)
    channel.end('through the balancer')
    return (await all).output.toString()
  }
  const get = (address: string, path: string, ...words: readonly string[]): Promise<CurlAnswer> =>
    curl('--interface', address, '-u', `${ops.name}:${ops.password}`, ...words, `${behind.httpUrl}${path}`)

  it('a device attaches from where it dials', async () => {
    const { source } = await bridge.logged(/^link attached/, { deviceId: 'router1' })
    expect(source).toMatch(/^127\.0\.0\.1:\d+$/)
  })

  it('a client is served as the one that it is, in the log, in the audit log and for `from=` of its key', async () => {
    expect(await echoFrom(CLIENT)).toBe('through the balancer')
    const line = await bridge.logged(/^client authenticated/, {}, { from })
    expect(line['source']).toMatch(new RegExp(`^${CLIENT}:\\d+$`))
    const audited = await auditedOnce(auditFileOf(bridge), 'the session to be on the audit log', (lines) =>
      lines.some(({ source }) => String(source).startsWith(`${CLIENT}:`)),
    )
    expect(audited.some(({ source }) => String(source).startsWith(BALANCER))).toBe(false)

    const byKey = { password: '', privateKey: await readFile(key.path) }
    own(await login(behind, 'router1', { ...byKey, localAddress: CLIENT }))
    await expect(login(behind, 'router1', { ...byKey, localAddress: OTHER_CLIENT })).rejects.toThrow()
  })

  it('a jump inside its connection is the client’s as well', async () => {
    const { inner } = own(await jump(behind, 'router1', { localAddress: CLIENT }))
    const channel = await openNetconf(inner)
    const all = readAll(channel)
    channel.end('inside')
    expect((await all).output.toString()).toBe('inside')
  })

  it('a call over HTTP is the client’s', async () => {
    const path = '/api/v1/devices'
    expect((await get(CLIENT, path)).status).toBe(200)
    const { source } = await bridge.logged(/^request$/, { path }, { from })
    expect(source).toMatch(new RegExp(`^${CLIENT}:\\d+$`))
    // What the client itself says of it is nothing: the balancer reads no HTTP.
    const lied = bridge.lines.all.length
    expect((await get(CLIENT, path, '-H', 'X-Forwarded-For: 203.0.113.9')).status).toBe(200)
    expect((await bridge.logged(/^request$/, { path }, { from: lied }))['source']).toMatch(/^127\.0\.0\.77:/)
  })

  it('haproxy finds all three well, by its checks that go on and on, and the log has no line on them', async () => {
    const states = await waitFor('haproxy to have checked everything', async () => {
      const servers = await balancer.servers()
      const checked = ['call-home', 'endpoint', 'http'].map((name) => servers.get(name))
      return checked.every((server) => /^L[47]OK$/.test(server?.check ?? '')) ? checked : undefined
    })
    expect(states).toEqual([
      { status: 'UP', check: 'L4OK' },
      { status: 'UP', check: 'L7OK' },
      { status: 'UP', check: 'L7OK' },
    ])
    const checks = () =>
      bridge.log().filter(({ path, source }) => path === '/readyz' && String(source).startsWith(BALANCER))
    const since = checks().length
    await waitFor('ten more checks', () => checks().length >= since + 10)
    const lines = bridge.log().filter(({ level, msg }) => level !== 'debug' && /refused|penalised/.test(msg))
    expect(lines).toEqual([])
    const counted = [...(await metricsOf(bridge))].filter(([, value]) => value > 0).map(([name]) => name)
    expect(counted.filter((name) => /calls?_refused|penalties|reason="(closed|proxy|too-many)/.test(name))).toEqual([])
  })

  it('whoever misbehaves is kept out, and nobody else that the balancer passes on', async () => {
    const since = bridge.lines.all.length
    const garbage = async (): Promise<void> => {
      const socket = connect({ port: balancer.ports.endpoint, host: '127.0.0.1', localAddress: HOSTILE })
      socket.on('error', () => undefined)
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
      socket.write('GET / HTTP/1.1\r\n\r\n')
      socket.resume()
      await closed
    }
    await garbage()
    await garbage()
    await bridge.logged(/^source penalised/, { address: HOSTILE }, { from: since })
    await garbage()
    const { source } = await bridge.logged(/^client refused: connections from there/, {}, { from: since })
    expect(source).toMatch(new RegExp(`^${HOSTILE}:\\d+$`))
    expect(await echoFrom(OTHER_CLIENT)).toBe('through the balancer')
    const penalised = bridge.log().filter(({ msg }) => msg.startsWith('source penalised'))
    expect(penalised.map(({ address }) => address)).toEqual([HOSTILE])
  })
})
