import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Bridge, startBridge } from '../../../src/app/bridge.js'
import { createConfigRecord } from '../../../src/app/config-record.js'
import { reloadConfig } from '../../../src/app/reload-config.js'
import { doctorCommand, doctorReportSchema } from '../../../src/cli/doctor/doctor.js'
import { bridgeSocketIn } from '../../../src/app/bridge-socket.js'
import { askBridge } from '../../../src/cli/operator/bridge-client.js'
import { loadConfig } from '../../../src/config/load.js'
import { startSimulatedDevice } from '../../../src/simulator/simulated-device.js'
import { recordedLog } from '../../northbound/http/recorded-log.js'
import { recordedIo } from '../recorded-io.js'

let cwd = ''
const ends: (() => Promise<unknown>)[] = []

beforeEach(() => {
  cwd = realpathSync(mkdtempSync(join(tmpdir(), 'homeport-doctor-')))
})
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
  rmSync(cwd, { recursive: true })
})

const SECRETS = { DEVICE_PASSWORD: 'pw-device-kept', ROUTER1_SECRET: 'hmac-kept' }
const HASH = '$scrypt$ln=14,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$V2hhdGV2ZXIgdGhpcyBpcywgaXQgaXMgbm8gcGFzcw'

interface Setup {
  readonly callHomePort?: number
  readonly endpointPort?: number
  readonly credentials?: object
  readonly more?: object
  readonly mode?: number
}

/** A configuration in which nothing is wrong, but for what is given. */
function configure({
  callHomePort = 0,
  endpointPort = 0,
  credentials = {},
  more = {},
  mode = 0o600,
}: Setup = {}): void {
  const file = {
    'call-home': { ssh: { address: '127.0.0.1', port: callHomePort } },
    endpoint: {
      ssh: { address: '127.0.0.1', port: endpointPort, 'max-unauthenticated': 100 },
      http: { address: '127.0.0.1', port: 0 },
    },
    credentials: { default: { username: 'netconf', password: '${DEVICE_PASSWORD}', ...credentials } },
    devices: [{ id: 'router1', secret: '${ROUTER1_SECRET}', labels: { site: 'tokyo' } }],
    users: [
      { name: 'ops', 'password-hash': HASH, roles: ['operator'] },
      { name: 'osaka', 'password-hash': HASH, roles: ['osaka'] },
    ],
    roles: { operator: { devices: ['*'], operations: ['*'] }, osaka: { devices: ['site=osaka'], operations: ['*'] } },
    'data-dir': 'state',
    'drain-timeout': '0s',
    ...more,
  }
  writeFileSync(join(cwd, 'homeport.yaml'), JSON.stringify(file), { mode })
  chmodSync(join(cwd, 'homeport.yaml'), mode)
}

async function serve(): Promise<Bridge> {
  return (await serveWith(SECRETS)).bridge
}

/** A bridge that has these variables of its own, and what has it reload. */
async function serveWith(env: Readonly<Record<string, string>>) {
  const load = () => loadConfig({ cwd, env })
  const loaded = load()
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const { log } = recordedLog()
  const record = createConfigRecord(join(cwd, 'homeport.yaml'), loaded.sources)
  const bridge = await startBridge(loaded.config, log, record)
  ends.push(() => bridge.stop())
  return { bridge, reload: () => reloadConfig({ bridge, load, record, log }) }
}

/** A device that calls this bridge; it is there once the bridge has decided about its first call. */
function call(bridge: Bridge, id: string, secret: string): void {
  const [, port = ''] = /:(\d+)$/.exec(bridge.addresses.callHome) ?? []
  const device = startSimulatedDevice({
    id,
    bridge: { host: '127.0.0.1', port: Number(port) },
    secret,
    username: 'netconf',
    password: SECRETS.DEVICE_PASSWORD,
    retryDelay: 60_000,
  })
  ends.push(() => device.stop())
}

/** Waits until the bridge says this of a device. */
async function untilState(id: string, state: string): Promise<void> {
  const location = { kind: 'socket', path: bridgeSocketIn(join(cwd, 'state')) } as const
  for (;;) {
    const answer = await askBridge(location, { method: 'GET', path: `/api/v1/devices/${id}` })
    const device = answer.ok
      ? (JSON.parse(answer.text) as { readonly linkState: { readonly state: string } })
      : undefined
    if (device?.linkState.state === state) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function run(words: readonly string[], env: Readonly<Record<string, string>> = SECRETS) {
  const { io, output } = recordedIo({ cwd, env })
  await doctorCommand(io).parseAsync(words, { from: 'user' })
  for (const secret of Object.values(SECRETS)) expect(output.stdout + output.stderr).not.toContain(secret)
  return output
}

/** The report, and what it says to each check: `verdict: message → hint`. */
async function examine(words: readonly string[] = [], env?: Readonly<Record<string, string>>) {
  const { stdout, stderr, status } = await run([...words, '--json'], env)
  expect(stderr).toBe('')
  const { findings, ...report } = doctorReportSchema.strict().parse(JSON.parse(stdout))
  const of = (name: string): readonly string[] =>
    findings.flatMap(({ check, verdict, message, hint }) =>
      check === name ? [`${verdict}: ${message}${hint === undefined ? '' : ` → ${hint}`}`] : [],
    )
  return { ...report, status, of, failed: findings.filter(({ verdict }) => verdict === 'failed') }
}

async function listen(greeting: string): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end(greeting)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(async () => void server.close())
  return (server.address() as { readonly port: number }).port
}

describe('homeport doctor', () => {
  it('finds nothing wrong where nothing is: status 0', async () => {
    configure()
    const bridge = await serve()
    call(bridge, 'router1', SECRETS.ROUTER1_SECRET)
    await untilState('router1', 'attached')
    const { of, failed, ...report } = await examine()
    expect(failed).toEqual([])
    expect(report).toEqual({ ok: true, version: expect.any(String) as string, status: 0 })
    expect(of('configuration')).toEqual([`ok: ${cwd}/homeport.yaml: 1 device, 2 users`])
    expect(of('bridge')).toEqual([expect.stringMatching(/^ok: it answers; started \d+ s ago, process \d+$/) as string])
    expect(of('devices')).toEqual(['ok: 1 of 1 device attached'])
    expect(of('ports')).toEqual([
      expect.stringMatching(/^ok: call-home\.ssh: .* takes calls of devices$/) as string,
      expect.stringMatching(/^ok: endpoint\.ssh: .* greets clients$/) as string,
      expect.stringMatching(/^ok: endpoint\.http: .* answers requests$/) as string,
    ])
    expect(of('data-dir')).toEqual([expect.stringMatching(/^ok: .*\/state: writable, \d+ (MiB|GiB) free$/) as string])

    const text = await run([])
    expect(text.status).toBe(0)
    expect(text.stdout).toMatch(/^ok {10} configuration {2}[^]*\n\nnothing is wrong/)
  })

  it('says that no bridge runs, and looks at all else', async () => {
    configure()
    const { of, status } = await examine()
    expect(status).toBe(1)
    expect(of('bridge').join()).toMatch(
      /^failed: no bridge answers on .*state\/homeport\.sock \(the data-dir of homeport\.yaml\)/,
    )
    expect(of('configuration')).toEqual([`ok: ${cwd}/homeport.yaml: 1 device, 2 users`])
    expect(of('devices')).toEqual(['not-checked: no bridge says how they are'])
    expect(of('data-dir').join()).toMatch(/^warning: .*\/state is not there yet/)
  })

  it('says that there is no configuration, and what is wrong with one', async () => {
    expect((await examine()).of('configuration').join()).toContain('failed: no configuration file is found')
    configure({ more: { 'drain-timeout': 'soon', extra: 1 } })
    const { of, status } = await examine()
    expect(status).toBe(1)
    expect(of('configuration').join('\n')).toMatch(/failed: homeport\.yaml:.*drain-timeout[^]*failed: .*extra/)
    const unset = await examine([], { DEVICE_PASSWORD: 'x' })
    expect(unset.of('configuration').join('\n')).toContain('ROUTER1_SECRET is not set')
  })

  it('finds that the running bridge has not read the files as they are', async () => {
    configure()
    const { reload } = await serveWith(SECRETS)
    expect((await examine()).of('configuration')).toEqual([`ok: ${cwd}/homeport.yaml: 1 device, 2 users`])
    writeFileSync(join(cwd, '.env'), 'OTHER=x\n', { mode: 0o600 })
    configure({ more: { devices: [{ id: 'router2', secret: '${ROUTER1_SECRET}' }] } })
    const changed = await examine()
    expect(changed.status).toBe(0)
    expect(changed.of('configuration')).toContainEqual(
      expect.stringMatching(/^warning: changed since the running bridge read it \d+ s ago: .* → .+/) as string,
    )
    expect(changed.of('configuration').join()).toContain(`ago: ${cwd}/homeport.yaml, ${cwd}/.env → `)
    await reload()
    expect((await examine()).of('configuration')).toEqual([`ok: ${cwd}/homeport.yaml: 1 device, 2 users`])
  })

  it('finds that a reload has failed, and a variable that the running bridge does not have either', async () => {
    const secrets = join(cwd, '.env')
    const write = (more: string): void => writeFileSync(secrets, `ROUTER1_SECRET=hmac-kept\n${more}`, { mode: 0o600 })
    write('DEVICE_PASSWORD=pw-device-kept\n')
    configure()
    const { reload } = await serveWith({})
    write('')
    await reload()
    const { of, status } = await examine([], {})
    expect(status).toBe(1)
    const findings = of('configuration')
    expect(findings).toEqual([
      expect.stringMatching(
        /^failed: .*: the environment variable DEVICE_PASSWORD is not set → set DEVICE_PASSWORD in /,
      ),
      expect.stringMatching(
        /^failed: the running bridge did not take its configuration \d+ s ago, .*DEVICE_PASSWORD is not set → .*; then ./,
      ),
    ])
    // Mended, and not read again yet.
    write('DEVICE_PASSWORD=pw-device-kept\n')
    expect((await examine([], {})).of('configuration').join('\n')).toMatch(
      /^ok: .*\nfailed: the running bridge did not/,
    )
  })

  it('finds a file of secrets that everybody may read', async () => {
    configure({ mode: 0o644, credentials: { password: 'written' } })
    const { of, status } = await examine()
    expect(status).toBe(1)
    expect(of('files')).toEqual([
      expect.stringMatching(/^failed: .*\(mode 644\) → (sudo )?chmod o-rwx \/.*\/homeport\.yaml$/) as string,
    ])
  })

  it('finds the certificates that have expired, and those that will', async () => {
    const certify = (name: string, validity: string): void => {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(cwd, name)])
      const words = ['-q', '-s', join(cwd, 'ca'), '-I', name, '-n', 'netconf', '-V', validity, join(cwd, `${name}.pub`)]
      execFileSync('ssh-keygen', words)
    }
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(cwd, 'ca')])
    certify('old', '-2d:-1d')
    configure({ credentials: { 'private-key': 'old', certificate: 'old-cert.pub' } })
    const { of, status } = await examine()
    expect(status).toBe(1)
    expect(of('certificates')).toEqual([
      expect.stringMatching(
        /^failed: credentials\.default\.certificate: .*old-cert\.pub: "old" has expired: .* → /,
      ) as string,
    ])
    certify('soon', '-2d:+5d')
    configure({ credentials: { 'private-key': 'soon', certificate: 'soon-cert.pub' } })
    expect((await examine()).of('certificates')).toEqual([
      expect.stringMatching(/^warning: .*"soon" expires in 4 days/) as string,
    ])
  })

  it('finds credentials that nobody can log in with', async () => {
    configure({ credentials: { password: '${EMPTY:-}' } })
    expect((await examine()).of('configuration')).toEqual([
      expect.stringMatching(/^failed: .*credentials\.default\.password: is empty → /) as string,
    ])
    configure({ more: { devices: [{ id: 'a', secret: 'x-of-a', credentials: 'gone' }] } })
    expect((await examine()).of('configuration').join()).toMatch(/^failed: .*unknown credentials `gone`/)
    writeFileSync(join(cwd, 'no-key'), 'nothing of a key', { mode: 0o600 })
    configure({ credentials: { 'private-key': 'no-key' } })
    expect((await examine()).of('credentials').join()).toMatch(/^failed: credentials\.default\.private-key: .*no-key: /)
  })

  it('finds a name that stands for no address', async () => {
    configure({ more: { webhooks: [{ url: 'https://no-such-host.invalid/x', secret: 'a-secret-of-the-hook' }] } })
    const { of } = await examine()
    expect(of('names')).toEqual([
      expect.stringMatching(/^failed: webhooks\[0\]\.url: the name no-such-host\.invalid has no address/) as string,
    ])
  })

  it('finds a port that another program has, by its greeting', async () => {
    const port = await listen('SSH-2.0-OpenSSH_9.2p1\r\n')
    configure({ endpointPort: port })
    const { of, status } = await examine()
    expect(status).toBe(1)
    expect(of('ports')).toEqual([
      `failed: endpoint.ssh: port ${port} is taken by a program that is no bridge found here, ` +
        `which greets with "SSH-2.0-OpenSSH_9.2p1" → sudo ss -tlnp 'sport = :${port}' names the program`,
    ])
  })

  it('shows which devices are refused and which are pending, with what to do', async () => {
    configure()
    const bridge = await serve()
    call(bridge, 'router1', 'another secret')
    call(bridge, 'stranger', 'whatever')
    await untilState('router1', 'refused')
    await untilState('stranger', 'pending')
    const { of, status } = await examine(['--config', 'homeport.yaml'])
    expect(status).toBe(1)
    expect(of('devices')).toEqual([
      'ok: 0 of 2 devices attached',
      expect.stringMatching(
        /^failed: router1 is refused \d+ s ago: wrong-hmac from 127\.0\.0\.1:\d+: .* → ./,
      ) as string,
      expect.stringMatching(
        /^warning: stranger is pending from 127\.0\.0\.1.* → .*homeport devices approve --fingerprint SHA256:\S{43} --config homeport\.yaml stranger$/,
      ) as string,
    ])
    const one = await examine(['router1'])
    expect(one).toMatchObject({ device: 'router1', status: 1 })
    expect(one.of('link').join()).toMatch(/^failed: router1 is refused .*wrong-hmac/)
    expect(one.of('answer')).toEqual(['not-checked: it has no link'])
    expect((await examine(['stranger'])).of('known').join()).toMatch(
      /^warning: stranger is pending.*--fingerprint SHA256:/,
    )
    await askBridge(
      { kind: 'socket', path: bridgeSocketIn(join(cwd, 'state')) },
      { method: 'POST', path: '/api/v1/devices/stranger/reject' },
    )
    const rejected = await examine(['stranger'])
    expect(rejected.of('known')).toEqual([
      'failed: its enrolment is rejected: every call is refused → homeport devices forget stranger',
    ])
  })

  it('says everything about one device, and asks it something', async () => {
    configure()
    const bridge = await serve()
    call(bridge, 'router1', SECRETS.ROUTER1_SECRET)
    await untilState('router1', 'attached')
    const { of, status } = await examine(['ROUTER1'])
    expect(status).toBe(0)
    expect(of('known')).toEqual(['ok: it is configured, bound to a secret and 1 host key'])
    expect(of('link').join()).toMatch(
      /^ok: attached \d+ s ago from 127\.0\.0\.1:\d+, proven by hmac, \d of 10 sessions$/,
    )
    expect(of('login')).toEqual(['ok: the bridge logged in by password'])
    expect(of('users')).toEqual(['ok: ops'])
    expect(of('address').join()).toMatch(/^ok: USER@router1 on port \d+$/)
    expect(of('answer').join()).toMatch(/^ok: it answers .*through the bridge in \d+ ms/)
    expect(of('devices')).toEqual([])
  })

  it('tells an unknown device from one that is meant', async () => {
    configure()
    await serve()
    const { of, status } = await examine(['ruoter1'])
    expect(status).toBe(1)
    expect(of('known')).toEqual([
      expect.stringMatching(
        /^failed: no device "ruoter1" is known; did you mean router1\? → .*homeport onboard ruoter1$/,
      ) as string,
    ])
    expect((await run(['..'])).status).toBe(2)
    expect((await examine(['router1'])).of('link').join()).toMatch(/^failed: it has never called → /)
  })

  it('looks at a bridge elsewhere as far as it can be seen from here', async () => {
    configure()
    const bridge = await serve()
    const location = { kind: 'socket', path: bridgeSocketIn(join(cwd, 'state')) } as const
    const made = await askBridge(location, { method: 'POST', path: '/api/v1/tokens', body: { user: 'ops' } })
    const { token } = JSON.parse(made.ok ? made.text : '{}') as { readonly token: string }
    const url = { HOMEPORT_URL: bridge.addresses.http ?? '' }
    const { of, failed, status } = await examine([], { ...url, HOMEPORT_TOKEN: token })
    expect(failed).toEqual([])
    expect(status).toBe(0)
    for (const check of ['configuration', 'files', 'data-dir', 'service'])
      expect(of(check).join(), check).toMatch(/^not-checked: the bridge runs elsewhere/)
    expect(of('clock')).toContain('ok: the clock of the bridge is the same as here')
    expect(of('access').join()).toMatch(/^ok: http:\/\/127\.0\.0\.1:\d+\/, with a token$/)
    expect(of('ports').join()).toMatch(/^not-checked: call-home\.ssh: .* on the loopback address of the bridge alone/)

    const without = await examine([], url)
    expect(without.status).toBe(1)
    expect(without.of('access').join()).toMatch(/^failed: .*HOMEPORT_TOKEN is not set → .*homeport token create/)
    const wrong = await examine([], { ...url, HOMEPORT_TOKEN: `${token.slice(0, -1)}!` })
    expect(wrong.of('access').join()).toMatch(/^failed: .*the token is refused/)
  })
})
