import { once } from 'node:events'
import { copyFile, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Haproxy, startHaproxy } from './parts/haproxy.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { makeTlsAuthority, type TlsAuthority, type TlsPair } from './parts/tls-certificates.js'
import { type ConfigFile, startBridge } from './support/bridge.js'
import { curl, failureOf } from './support/curl.js'
import { homeport } from './support/homeport-command.js'
import { endAfterEach } from './support/resources.js'
import { ops, opsUser } from './support/users.js'

const own = endAfterEach()
const login = ['-u', `${ops.name}:${ops.password}`]

let directory: TempDir
let authority: TlsAuthority
let pair: TlsPair
beforeAll(async () => {
  directory = await makeTempDir('tls')
  authority = await makeTlsAuthority(directory.path, 'authority')
  pair = await authority.issue('first', ['DNS:bridge.example.net', 'DNS:*.wild.example.net', 'IP:127.0.0.1'])
})
afterAll(() => directory?.remove())

const withHttp = (http: ConfigFile, more: ConfigFile = {}): ConfigFile => ({
  users: [opsUser()],
  endpoint: { http },
  ...more,
})
const portOf = (url: string): number => Number(new URL(url).port)

/** Puts a file in the place of another in one step, as whoever renews certificates does. */
async function replace(file: string, by: string): Promise<void> {
  await copyFile(by, `${file}.new`)
  await rename(`${file}.new`, file)
}

describe('TLS', () => {
  const trusting = (...words: readonly string[]) => curl('--cacert', authority.certificate, ...login, ...words)

  it('of version 1.2 and later, with the configured certificate', async () => {
    const bridge = own(await startBridge(withHttp(pairIn(pair))))
    expect(bridge.httpUrl).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
    const devices = `${bridge.httpUrl}/api/v1/devices`
    expect((await trusting(devices)).status).toBe(200)
    expect((await trusting('--tls-max', '1.2', devices)).status).toBe(200)
    const old = await trusting('--tlsv1.0', '--tls-max', '1.1', '--ciphers', 'DEFAULT@SECLEVEL=0', devices)
    expect(old).toMatchObject({ status: 0, exit: 35 })
    expect((await curl(devices)).exit).toBe(60)
    const plain = await curl(devices.replace('https:', 'http:'))
    expect([plain.status, plain.body]).toEqual([400, 'this port speaks TLS: use https:// instead of http://\n'])
  })

  it('is read again when its files are renewed; a pair that does not fit changes nothing and is told', async () => {
    const live = { certificate: join(directory.path, 'live.crt'), key: join(directory.path, 'live.key') }
    await copyFile(pair.certificate, live.certificate)
    await copyFile(pair.key, live.key)
    const bridge = own(await startBridge(withHttp(pairIn(live))))
    const next = await authority.issue('second', ['IP:127.0.0.1'])
    const names = async (): Promise<string> => (await trusting('-v', `${bridge.httpUrl}/livez`)).stderr
    expect(await names()).toContain('CN=first')

    await replace(live.certificate, next.certificate)
    const told = await bridge.logged(/^certificate of HTTP not renewed, the one before stays/)
    expect(told).toMatchObject({ level: 'error', msg: expect.stringContaining('live.key is not the key of') as string })
    expect(await names()).toContain('CN=first')
    await replace(live.key, next.key)
    await bridge.logged(/^certificate of HTTP renewed/, { subject: 'CN=second' })
    expect(await names()).toContain('CN=second')

    await writeFile(live.certificate, 'nothing')
    await bridge.reload(withHttp(pairIn(live), { users: [opsUser({ name: 'new' })] }))
    await bridge.logged(/holds no certificate in PEM/)
    expect(await names()).toContain('CN=second')
    const renamed = await curl(
      '--cacert',
      authority.certificate,
      '-u',
      `new:${ops.password}`,
      `${bridge.httpUrl}/api/v1/devices`,
    )
    expect(renamed.status).toBe(200)
  })

  it('with client-ca lets nobody in without a certificate, who logs in all the same', async () => {
    const clients = await makeTlsAuthority(directory.path, 'clients')
    const client = await clients.issue('client', ['DNS:client'])
    const stranger = await authority.issue('stranger', ['DNS:client'])
    const bridge = own(await startBridge(withHttp({ ...pairIn(pair), 'client-ca': clients.certificate })))
    const url = `${bridge.httpUrl}/api/v1/devices`
    const showing = (shown: TlsPair) => ['--cert', shown.certificate, '--key', shown.key]
    expect((await trusting(url)).status).toBe(0)
    expect((await trusting(...showing(stranger), url)).status).toBe(0)
    expect((await trusting(...showing(client), url)).status).toBe(200)
    const nobody = await curl('--cacert', authority.certificate, ...showing(client), url)
    expect(failureOf(nobody)).toBe('401 not-authenticated')
  })

  it('with a certificate of its own, for the names that are configured', async () => {
    const http = { 'self-signed': true, names: ['bridge.example.org'] }
    const dataDir = join(directory.path, 'own')
    const start = () => startBridge(withHttp(http, { 'data-dir': dataDir }))
    let bridge = await start()
    const certificate = join(dataDir, 'http.crt')
    const trustingIt = (url: string, ...words: readonly string[]) => curl('--cacert', certificate, ...words, url)
    expect((await trustingIt(`${bridge.httpUrl}/livez`)).status).toBe(200)
    const byName = `https://bridge.example.org:${portOf(bridge.httpUrl)}/api/v1/devices`
    const resolve = ['--resolve', `bridge.example.org:${portOf(bridge.httpUrl)}:127.0.0.1`]
    expect((await trustingIt(byName, ...resolve, ...login)).status).toBe(200)
    expect((await stat(join(dataDir, 'http.key'))).mode & 0o777).toBe(0o600)
    const made = await readFile(certificate, 'utf8')
    await bridge.stop()
    bridge = own(await start())
    expect(await readFile(certificate, 'utf8')).toBe(made)
  })
})

function pairIn({ certificate, key }: TlsPair): ConfigFile {
  return { certificate, key }
}

describe('the name that it is called by', () => {
  it('is an address, localhost, a configured one, or one of its certificate', async () => {
    const bridge = own(await startBridge(withHttp({ ...pairIn(pair), names: ['other.example.net'] })))
    const calling = (host: string, path = '/api/v1/devices') =>
      curl('--cacert', authority.certificate, ...login, '-H', `Host: ${host}`, `${bridge.httpUrl}${path}`)
    const known = [
      '127.0.0.1:80',
      '[::1]:9',
      'LOCALHOST',
      'other.example.net:1',
      'Bridge.example.net',
      'a.wild.example.net',
    ]
    for (const host of known) expect((await calling(host)).status, host).toBe(200)
    for (const host of [
      'evil.example.com',
      'wild.example.net',
      '127.0.0.1.evil.example.com',
      'localhost.evil.com:8080',
    ]) {
      expect(failureOf(await calling(host)), host).toBe('421 unknown-host')
      expect((await calling(host, '/docs')).status).toBe(421)
      expect((await calling(host, '/readyz')).status).toBe(200)
    }
  })
})

describe('behind a proxy', () => {
  const haproxy = async (bridgePort: number): Promise<Haproxy> => {
    const bundle = join(directory.path, 'bundle.pem')
    await writeFile(bundle, (await readFile(pair.certificate, 'utf8')) + (await readFile(pair.key, 'utf8')))
    return startHaproxy(
      (port) => `
  mode http
frontend in
  bind 127.0.0.1:${port} ssl crt ${bundle}
  option forwardfor
  http-request set-header X-Forwarded-Proto https
  default_backend bridge
backend bridge
  server bridge 127.0.0.1:${bridgePort} source 127.0.0.2
`,
    )
  }

  it('that is trusted and speaks TLS, its clients log in as themselves', async () => {
    const bridge = own(await startBridge(withHttp({ 'trusted-proxies': ['127.0.0.2'] })))
    const proxy = own(await haproxy(portOf(bridge.httpUrl)))
    const resolve = ['--resolve', `bridge.example.net:${proxy.port}:127.0.0.1`]
    const answer = await curl(
      '--cacert',
      authority.certificate,
      ...login,
      ...resolve,
      '-H',
      'X-Forwarded-For: 203.0.113.5',
      `https://bridge.example.net:${proxy.port}/api/v1/devices`,
    )
    expect(answer.status).toBe(200)
    // haproxy appends who called it; what the client itself wrote before that is nothing.
    await bridge.logged(/^request$/, { path: '/api/v1/devices', source: '127.0.0.1' })
  })

  it('counts as far as the configuration trusts it, which a reload changes', async () => {
    const bridge = own(await startBridge(withHttp({})))
    const cases: readonly [ConfigFile, readonly string[], number, RegExp][] = [
      [{}, ['X-Forwarded-For: 198.51.100.9', 'X-Forwarded-Proto: http'], 200, /^127\.0\.0\.1:/],
      [
        trusts('x-forwarded'),
        ['X-Forwarded-For: 192.0.2.1, 198.51.100.9', 'X-Forwarded-Proto: https'],
        200,
        /^198\.51\.100\.9$/,
      ],
      [trusts('x-forwarded'), ['X-Forwarded-For: 198.51.100.9', 'X-Forwarded-Proto: http'], 403, /^198\.51\.100\.9$/],
      [trusts('x-forwarded'), ['X-Forwarded-For: 198.51.100.9'], 403, /^198\.51\.100\.9$/],
      [trusts('x-forwarded'), ['Forwarded: for=198.51.100.9;proto=http'], 200, /^127\.0\.0\.1:/],
      [trusts('forwarded'), ['Forwarded: for="[2001:db8::1]:4711";proto=https'], 200, /^\[2001:db8::1\]:4711$/],
      [trusts('forwarded'), ['Forwarded: for=198.51.100.9;proto=http', 'X-Forwarded-Proto: https'], 403, /^198/],
    ]
    for (const [http, given, status, source] of cases) {
      await bridge.reload(withHttp(http))
      const from = bridge.lines.all.length
      const headers = given.flatMap((line) => ['-H', line])
      expect((await curl(...login, ...headers, `${bridge.httpUrl}/api/v1/devices`)).status, given.join()).toBe(status)
      expect((await bridge.logged(/^request$/, {}, { from }))['source'], given.join()).toMatch(source)
    }
  })
})

const trusts = (header: string): ConfigFile => ({ 'trusted-proxies': ['127.0.0.1'], 'proxy-header': header })

describe('every call', () => {
  it('has an id: its own, where that is sane', async () => {
    const bridge = own(await startBridge(withHttp({})))
    const url = `${bridge.httpUrl}/api/v1/devices/none`
    const given = await curl(...login, '-H', 'X-Request-Id: abc-123', url)
    expect(given.headers['x-request-id']).toBe('abc-123')
    expect(JSON.parse(given.body)).toMatchObject({ requestId: 'abc-123' })
    await bridge.logged(/^request$/, { requestId: 'abc-123', status: 404, user: 'ops' })
    for (const bad of ['', 'a b', 'x'.repeat(129), '{"level":"error"}'])
      expect((await curl('-H', `X-Request-Id: ${bad}`, url)).headers['x-request-id']).toMatch(/^[\da-f-]{36}$/)
  })
})

describe('bounds', () => {
  it('on connections and on the time that a request takes to arrive', async () => {
    const bridge = own(
      await startBridge(withHttp({ 'max-connections': 2, 'request-timeout': '1s', 'idle-timeout': '2s' })),
    )
    const port = portOf(bridge.httpUrl)
    const open = async () => {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      return socket
    }
    const [slow, idle] = [await open(), await open()]
    slow.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n')
    const third = await open()
    expect(await text(third).catch(() => '')).toBe('')
    await bridge.logged(/^client refused: too many connections/, { level: 'warn', connections: 2 })
    idle.destroy()
    expect(await text(slow)).toMatch(/^HTTP\/1\.1 408 /)
    expect((await curl(`${bridge.httpUrl}/livez`)).status).toBe(200)
  })
})

describe('the port', () => {
  it('that is taken is named, with the way to do without', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const free = { address: '127.0.0.1', port: 0 }
    const file = join(directory.path, 'taken.yaml')
    const config = { 'call-home': { ssh: free }, endpoint: { ssh: free, http: { port } }, 'data-dir': 'taken' }
    await writeFile(file, JSON.stringify(config))
    const { status, stderr } = await homeport('serve', '--config', file)
    taken.close()
    expect(stderr).toMatch(new RegExp(`^homeport: endpoint\\.http: 127\\.0\\.0\\.1:${port} is already in use$`, 'm'))
    expect(stderr).toContain('set endpoint.http.port to another one, or endpoint.http.port: none to do without')
    expect(status).toBe(1)
  })

  it('may be none', async () => {
    const bridge = own(await startBridge(withHttp({ port: 'none' })))
    expect(bridge.httpUrl).toBe('')
    const socket = join(bridge.directory, 'data', 'homeport.sock')
    expect((await curl('--unix-socket', socket, 'http://bridge/readyz')).status).toBe(200)
  })
})
