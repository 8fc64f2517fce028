import { execFile } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Login, runNcclient, startSsh } from '../parts/clients.js'
import { type Container, mustPodman, podman, runContainer } from '../parts/container.js'
import { type Netconfd, startNetconfd } from '../parts/netconfd.js'
import { makeSshKey, type SshKey } from '../parts/ssh-keys.js'
import { type SshdDevice, startSshdDevice } from '../parts/sshd-device.js'
import { makeTempDir, type TempDir } from '../parts/temp-dir.js'
import { deviceLogin } from '../support/attached-device.js'
import { builtImage, IMAGE_TIMEOUT_MS } from '../support/built-image.js'
import { ops, opsUser } from '../support/users.js'

const volume = `homeport-test-${process.pid}`
const network = volume
const secret = 'secret-of-the-device'

let image: string
let host: TempDir
let netconfd: Netconfd
let hostKey: SshKey
let device: SshdDevice | undefined
let containers = 0

beforeAll(async () => {
  image = await builtImage()
  await mustPodman('network', 'create', network)
  host = await makeTempDir('image')
  netconfd = await startNetconfd()
  hostKey = await makeSshKey(host.path, 'ed25519', 'host')
  await mkdir(join(host.path, 'etc'))
  await mkdir(join(host.path, 'secrets'))
  // The user of the container has to come in.
  await chmod(host.path, 0o755)
  await writeFile(join(host.path, 'secrets/device-password'), `${deviceLogin.password}\n`)
  await writeFile(join(host.path, 'secrets/router1'), `${secret}\n`)
}, IMAGE_TIMEOUT_MS)

afterAll(async () => {
  await device?.stop()
  await netconfd?.stop()
  await podman('volume', 'rm', '--force', volume)
  await podman('network', 'rm', '--force', network)
  await host?.remove()
})

/** Writes the configuration that is mounted; secrets are named, not written. */
async function configure(more: object = {}): Promise<void> {
  const config = {
    'call-home': { ssh: { port: 4334 } },
    endpoint: { ssh: { port: 8830 }, http: { address: '::', port: 8080 } },
    credentials: { default: { username: deviceLogin.user, password: '${DEVICE_PASSWORD}' } },
    devices: [{ id: 'router1', secret: '${ROUTER1_SECRET}' }],
    users: [opsUser()],
    'data-dir': '/var/lib/homeport',
    'drain-timeout': '20s',
    ...more,
  }
  await writeFile(join(host.path, 'etc/homeport.yaml'), JSON.stringify(config))
}

/** Runs the bridge from the image, with its configuration, secrets and data where docs/containers.md puts them. */
function startBridge(): Container {
  containers += 1
  return runContainer({
    image,
    name: `homeport-test-${process.pid}-${containers}`,
    network,
    options: [
      `--volume=${host.path}/etc:/etc/homeport:ro`,
      `--volume=${host.path}/secrets:/run/secrets:ro`,
      `--volume=${volume}:/var/lib/homeport`,
      '--env=DEVICE_PASSWORD_FILE=/run/secrets/device-password',
      '--env=ROUTER1_SECRET_FILE=/run/secrets/router1',
      '--memory=512m',
    ],
  })
}

async function loginTo(container: Container): Promise<Login> {
  return { host: await container.address(), port: 8830, user: `${ops.name}@router1`, password: ops.password }
}

async function attachDeviceTo(container: Container): Promise<void> {
  await device?.stop()
  device = await startSshdDevice({
    deviceId: 'router1',
    bridge: { host: await container.address(), port: 4334 },
    preamble: 'junos-secret',
    secret,
    hostKeys: [hostKey],
    login: deviceLogin,
    subsystems: { netconf: netconfd.subsystem },
  })
  await container.lines.match(/"deviceId":"router1".*"msg":"link attached/, { timeoutMs: 30_000 })
}

describe('the image that `npm run image` builds', () => {
  it('says of itself what it is, is nobody’s but user 10001’s, and has a health check and a signal to stop', async () => {
    const [{ Config, Architecture } = {}] = JSON.parse(await mustPodman('image', 'inspect', image))
    expect(Architecture).toBe(process.arch === 'x64' ? 'amd64' : process.arch)
    expect(Config).toMatchObject({
      User: '10001:10001',
      StopSignal: 'SIGTERM',
      Entrypoint: ['homeport'],
      Volumes: { '/etc/homeport': {}, '/var/lib/homeport': {} },
      Labels: {
        'org.opencontainers.image.title': 'Homeport',
        'org.opencontainers.image.licenses': 'Apache-2.0',
        'org.opencontainers.image.version':
          process.env['npm_package_version'] ?? expect.stringMatching(/^\d+\.\d+\.\d+/),
      },
    })
    // Nothing of the machine that built it.
    expect(Config.Env.join()).not.toMatch(/CERT|npm|BUILD/i)
    const healthcheck = await mustPodman('image', 'inspect', '--format', '{{json .HealthCheck}}', image)
    expect(JSON.parse(healthcheck).Test).toEqual(['CMD', 'node', '/usr/lib/homeport/healthcheck.mjs'])
  })

  it('holds what runs and nothing else of the repository, none of it writable by its user', async () => {
    const mounted = await mustPodman('image', 'mount', image)
    const find = async (...words: readonly string[]): Promise<readonly string[]> =>
      (await promisify(execFile)('find', words)).stdout.trim().split('\n').filter(Boolean)
    try {
      const program = `${mounted}/usr/lib/homeport`
      const names = (await find(program, '-mindepth', '1', '-maxdepth', '1', '-printf', '%f\n')).toSorted()
      expect(names.filter((name) => !/^(LICENSE|package(-lock)?\.json)$/.test(name))).toEqual([
        'bin',
        'dist',
        'healthcheck.mjs',
        'node_modules',
      ])
      expect(await find(program, '-name', 'sshcrypto.node')).toHaveLength(1)
      expect(await find(mounted, '-xdev', '-name', '.env')).toEqual([])
      const owned = await find(mounted, '-xdev', '-uid', '10001', '-printf', '%P\n')
      expect(owned).toEqual(['var/lib/homeport'])
      const open = await find(`${mounted}/usr`, `${mounted}/etc`, '-perm', '-o+w', '-not', '-type', 'l')
      expect(open).toEqual([])
    } finally {
      await mustPodman('image', 'unmount', image)
    }
  })

  it('runs any command of homeport', async () => {
    const { status, stdout } = await podman('run', '--rm', '--network', 'none', image, '--version')
    expect(stdout.trim()).toMatch(/^\d+\.\d+\.\d+/)
    expect(status).toBe(0)
  })

  it('ends with status 2 and says what is wrong where the configuration is', async () => {
    await configure({ 'no-such-key': 1 })
    const container = startBridge()
    expect(await container.ended).toBe(2)
    expect(container.lines.all.join('\n')).toContain('no-such-key')
    await container.remove()
  })
})

describe('a container of it, without root, without capabilities, on a read-only root', () => {
  let bridge: Container

  beforeAll(async () => {
    await configure()
    bridge = startBridge()
    await bridge.lines.match(/"msg":"ready"/, { timeoutMs: 60_000 })
  })
  afterAll(() => bridge?.remove())

  it('takes in a real device, with secrets from files, and serves ncclient', async () => {
    await attachDeviceTo(bridge)
    const { replies } = await runNcclient(await loginTo(bridge))
    expect(replies.filter(({ error }) => error !== undefined)).toEqual([])
    expect(replies.map((reply) => reply.do)).toContain('edit-config')
  })

  it('is healthy, and so says the engine', async () => {
    expect(await bridge.health()).toMatchObject({ status: 0 })
    const http = await fetch(`http://${await bridge.address()}:8080/readyz`)
    expect(http.status).toBe(200)
  })

  it('answers the operator’s commands without an option', async () => {
    const { status, stdout } = await bridge.exec('homeport', 'devices', 'list')
    expect(stdout).toMatch(/router1/)
    expect(status).toBe(0)
  })

  it('has nothing to write to but its data', async () => {
    expect((await bridge.exec('node', '-p', 'process.getuid()')).stdout.trim()).toBe('10001')
    for (const place of ['/', '/etc/homeport', '/usr/lib/homeport'])
      expect((await bridge.exec('touch', `${place}/x`)).stderr).toMatch(/Read-only|denied/)
    expect((await bridge.exec('grep', 'CapEff', '/proc/1/status')).stdout).toMatch(/0000000000000000/)
    const modes = (await bridge.exec('find', '/var/lib/homeport', '-type', 'f', '-printf', '%m\n')).stdout.trim()
    expect(new Set(modes.split('\n'))).toEqual(new Set(['600']))
  })

  it('reads a changed configuration on SIGHUP', async () => {
    await configure({
      devices: [
        { id: 'router1', secret: '${ROUTER1_SECRET}' },
        { id: 'router2', secret: 's' },
      ],
    })
    await bridge.signal('HUP')
    await bridge.lines.match(/"devices":2.*"msg":"configuration reloaded/, { timeoutMs: 30_000 })
  })

  it('on SIGTERM says that it is not ready, lets a session end, and ends with status 0', async () => {
    const client = startSsh(await loginTo(bridge))
    await client.output(']]>]]>')
    const base = 'urn:ietf:params:xml:ns:netconf:base:1.0'
    await client.write(
      `<hello xmlns="${base}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>`,
    )
    const stopped = mustPodman('stop', '--time', '60', bridge.name)
    await bridge.lines.match(/"msg":"stopping"/, { timeoutMs: 30_000 })
    expect(await bridge.ended).toBe(0)
    await stopped
    const { status, stderr } = await client.ended()
    expect(`${status} ${stderr}`).toMatch(/stopping/)
  })

  it('is replaced by another one that goes on with its data', async () => {
    const fingerprints = (container: Container): readonly unknown[] =>
      container.lines.all.flatMap((line) => /"fingerprint":"([^"]+)","msg":"host key"/.exec(line)?.[1] ?? [])
    const before = fingerprints(bridge)
    const next = startBridge()
    try {
      await next.lines.match(/"msg":"ready"/, { timeoutMs: 60_000 })
      expect(before).toHaveLength(3)
      expect(fingerprints(next)).toEqual(before)
      await attachDeviceTo(next)
      const { replies } = await runNcclient(await loginTo(next))
      expect(replies.filter(({ error }) => error !== undefined)).toEqual([])
    } finally {
      await next.remove()
    }
  })
})
