import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { byteSubsystem, deterministicBytes, expectedHash, type SinkReport } from './byte-subsystem.js'
import { type Login, runNcclient, runParamiko, runPyez, runSsh, runYangcli, startSsh } from './clients.js'
import { type Crossover, startCrossover } from './crossover.js'
import { startLibnetconf2Device } from './libnetconf2-device.js'
import { startNetconfd } from './netconfd.js'
import { initiationHmac, junosPreamble, junosSecretPreamble } from './preamble.js'
import { makeSshKey, type SshKey } from './ssh-keys.js'
import { type SshdDeviceOptions, startSshdDevice } from './sshd-device.js'
import { makeTempDir, type TempDir } from './temp-dir.js'

// The parts of the e2e tests on their own, without a bridge: clients reach devices through a plain TCP crossover.

const MiB = 1024 * 1024
const end = ']]>]]>'
const hello =
  '<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities>' +
  `<capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>${end}`
const rpc = (id: number, body: string) =>
  `<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="${id}">${body}</rpc>${end}`

let keyDir: TempDir
let rsaHostKey: SshKey
let hostKey: SshKey
let clientKey: SshKey
let crossover: Crossover
const cleanups: (() => Promise<void>)[] = []

beforeAll(async () => {
  keyDir = await makeTempDir('keys')
  rsaHostKey = await makeSshKey(keyDir.path, 'rsa', 'host_rsa')
  hostKey = await makeSshKey(keyDir.path, 'ed25519', 'host_ed25519')
  clientKey = await makeSshKey(keyDir.path, 'ed25519', 'client')
})
afterAll(() => keyDir.remove())
// Its own for each test: devices of the one before must not wait in it.
beforeEach(async () => {
  crossover = await using(startCrossover())
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** Has `part` stopped after the test. */
async function using<T extends { readonly stop: () => Promise<void> }>(starting: Promise<T>): Promise<T> {
  const part = await starting
  cleanups.push(part.stop)
  return part
}

const login = { user: 'netconf', password: 'pa ss$1' }

function withPassword(): Login {
  return { ...crossover.clientSide, ...login }
}

function withKey(): Login {
  return { ...crossover.clientSide, user: login.user, key: clientKey }
}

async function sshdDevice(options: Partial<SshdDeviceOptions> = {}) {
  const device = await using(
    startSshdDevice({
      deviceId: 'router1',
      bridge: crossover.deviceSide,
      hostKeys: [rsaHostKey, hostKey],
      login: { ...login, authorizedKeys: [clientKey.publicKey] },
      subsystems: {},
      redialDelay: 20,
      ...options,
    }),
  )
  await device.dialled(1)
  return device
}

async function netconfdDevice(options: Partial<SshdDeviceOptions> = {}) {
  const netconfd = await using(startNetconfd())
  return sshdDevice({ subsystems: { netconf: netconfd.subsystem }, ...options })
}

describe('the sshd device', () => {
  it.each([{ proxied: false }, { proxied: true }])(
    'dials, and dials again when its connection is cut: %o',
    async ({ proxied }) => {
      const device = await sshdDevice({ subsystems: { netconf: byteSubsystem.echo() }, proxied })
      const ssh = startSsh(withKey())
      await ssh.write('ping')
      await ssh.output('ping')
      const redialled = device.dialled(2)
      device.cut()
      expect((await ssh.ended()).status).toBe(255)
      await redialled
      expect((await runSsh(withKey(), 'pong')).stdout.toString()).toBe('pong')
    },
  )

  it('sends the initiation sequence of its choice', async () => {
    const netconf = { subsystems: { netconf: byteSubsystem.echo() }, redialDelay: 'never' } as const
    for (const preamble of ['junos', 'junos-secret', 'none', ['MSG-ID: DEVICE', '-CONN-INFO\r\n']] as const) {
      await sshdDevice({ ...netconf, preamble, secret: 's3cret' })
      expect((await runSsh(withKey(), 'x')).stdout.toString()).toBe('x')
    }
    expect(crossover.preambles).toEqual([
      junosPreamble('router1'),
      junosSecretPreamble('router1', 's3cret', rsaHostKey.publicKey),
      Buffer.alloc(0),
      Buffer.from('MSG-ID: DEVICE-CONN-INFO\r\n'),
    ])
  })

  it('computes the HMAC as Junos does', () => {
    expect(initiationHmac('s3cret', 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB')).toBe(
      '316011e4df155a59594ea4076509852ffb863ddc',
    )
  })

  it('accepts its password and its key, and nothing else', async () => {
    const device = await sshdDevice({ subsystems: { netconf: byteSubsystem.echo() } })
    expect((await runSsh(withPassword(), 'x')).stdout.toString()).toBe('x')
    expect((await runSsh(withKey(), 'x')).stdout.toString()).toBe('x')
    expect((await runSsh({ ...withPassword(), password: 'wrong' })).status).not.toBe(0)
    expect((await runSsh({ ...withPassword(), user: 'root' })).status).not.toBe(0)
    await device.log.match(/^Accepted password for netconf/)
    await device.log.match(/^Accepted publickey for netconf/)
  })

  it('holds a frozen connection open while it dials another, and lets it go on', async () => {
    const device = await sshdDevice({ subsystems: { netconf: byteSubsystem.echo() }, proxied: true })
    const frozen = startSsh(withKey())
    await frozen.write('before')
    await frozen.output('before')
    const thaw = device.freeze()
    await frozen.write('after')
    await device.dialAgain()
    expect((await runSsh(withKey(), 'second')).stdout.toString()).toBe('second')
    expect(frozen.stdout().toString()).toBe('before')
    thaw()
    await frozen.output('after')
    await frozen.kill()
  })

  it('leaves no process behind, not even one that ignores its end', async () => {
    const device = await sshdDevice({ subsystems: { netconf: byteSubsystem.deaf() } })
    const ssh = startSsh(withKey())
    await device.log.match(/^Starting session: subsystem 'netconf'/)
    await device.stop()
    expect((await ssh.ended()).status).toBe(255)
  })

  it.each([{ proxied: false }, { proxied: true }])(
    'dials again when the connection is reset after its first bytes: %o',
    async ({ proxied }) => {
      const rude = createServer((socket) => socket.once('data', () => socket.resetAndDestroy())).listen(0, '127.0.0.1')
      await once(rude, 'listening')
      const bridge = { host: '127.0.0.1', port: (rude.address() as AddressInfo).port }
      const device = await sshdDevice({ bridge, proxied, redialDelay: 1 })
      await device.dialled(5)
      rude.close()
    },
  )

  it('keeps dialling where nobody listens yet', async () => {
    const away = await startCrossover()
    await away.stop()
    const device = await using(
      startSshdDevice({
        deviceId: 'router1',
        bridge: away.deviceSide,
        hostKeys: [hostKey],
        login,
        subsystems: {},
        redialDelay: 1,
      }),
    )
    await new Promise<void>((resolve) => device.events.once('refused', () => resolve()))
    await new Promise<void>((resolve) => device.events.once('refused', () => resolve()))
    expect(device.dials()).toBe(0)
  })
})

describe('byte subsystems', () => {
  it('send: the announced bytes and exit status', async () => {
    await sshdDevice({ subsystems: { netconf: byteSubsystem.send(8 * MiB + 1, 7) } })
    const { stdout, status } = await runSsh(withKey())
    expect(stdout.length).toBe(8 * MiB + 1)
    expect(createHash('sha256').update(stdout).digest('hex')).toBe(expectedHash(8 * MiB + 1))
    expect(status).toBe(7)
  })

  it('sink: hashes what it reads until EOF', async () => {
    const reportFile = join(keyDir.path, 'report.json')
    await sshdDevice({ subsystems: { netconf: byteSubsystem.sink(reportFile) } })
    const input = Buffer.concat([...deterministicBytes(4 * MiB)])
    const { stdout } = await runSsh(withKey(), input)
    const report: SinkReport = { bytes: 4 * MiB, sha256: expectedHash(4 * MiB), eof: true }
    expect(JSON.parse(stdout.toString())).toEqual(report)
    expect(JSON.parse(await readFile(reportFile, 'utf8'))).toEqual(report)
  })

  it('complain: an exit status, and where it is run as a command standard error too', async () => {
    // sshd drops what a subsystem writes on standard error.
    const complain = byteSubsystem.complain("it isn't here", 3)
    await sshdDevice({ subsystems: { netconf: complain } })
    expect(await runSsh(withKey())).toMatchObject({ stderr: '', status: 3 })
    expect(await runSsh(withKey(), '', { ask: { exec: complain } })).toMatchObject({
      stderr: "it isn't here\n",
      status: 3,
    })
  })

  it('replies: answers a session that was piped in whole', async () => {
    await sshdDevice({ subsystems: { netconf: byteSubsystem.replies(5) } })
    const requests = Array.from({ length: 20 }, (_, id) => rpc(id, '<get/>')).join('')
    const { stdout, status } = await runSsh(withKey(), hello + requests)
    expect(stdout.toString().match(/message-id="\d+"/g)).toHaveLength(20)
    expect(status).toBe(0)
  })
})

describe('netconfd behind sshd', () => {
  it('talks to OpenSSH', async () => {
    await netconfdDevice()
    const ssh = startSsh(withPassword())
    await ssh.write(hello)
    const greeted = await ssh.output(end)
    await ssh.write(rpc(1, '<close-session/>'))
    await ssh.output('<ok/>', { from: greeted }).finally(ssh.end)
    expect((await ssh.ended()).status).toBe(0)
  })

  it('answers a session that was piped in whole', async () => {
    await netconfdDevice()
    for (let turn = 0; turn < 20; turn++) {
      const { stdout, status } = await runSsh(withKey(), hello + rpc(1, '<get/>') + rpc(2, '<get/>'))
      expect(stdout.toString().match(/<\/rpc-reply>/g)).toHaveLength(2)
      expect(status).toBe(0)
    }
  })

  it("gives sessions through Debian's netconf-subsystem too", async () => {
    const netconfd = await using(startNetconfd())
    await sshdDevice({ subsystems: { netconf: netconfd.debianSubsystem } })
    const ssh = startSsh(withKey())
    await ssh.output(end)
    ssh.end()
    expect((await ssh.ended()).status).toBe(0)
  })

  it('serves a full session of ncclient, twice the same', async () => {
    const results = []
    for (let turn = 0; turn < 2; turn++) {
      const device = await netconfdDevice()
      results.push(await runNcclient(withPassword()))
      await device.stop()
    }
    const [first, second] = results
    expect(first?.replies.map((reply) => reply.error)).toEqual(Array(8).fill(undefined))
    expect(first?.replies.at(-2)?.reply).toContain('<name>edited</name>')
    expect(second).toEqual(first)
  })

  it('gives paramiko eight sessions at once on one connection', async () => {
    await netconfdDevice()
    const sessions = await runParamiko(withKey(), { sessions: 8 })
    expect(new Set(sessions.map((session) => session.sessionId)).size).toBe(8)
    expect(new Set(sessions.flatMap((session) => session.replies)).size).toBe(1)
  })

  it('ends a session that another one kills', async () => {
    const device = await netconfdDevice({ redialDelay: 'never' })
    const victim = startSsh(withKey())
    await victim.output(end)
    await victim.write(hello)
    const [, sessionId = ''] = /<session-id>(\d+)</.exec(victim.stdout().toString()) ?? []
    await device.dialAgain()
    const { replies } = await runNcclient(withKey(), { steps: [{ do: 'kill-session', sessionId }] })
    expect(replies[0]?.reply).toContain('<ok')
    expect((await victim.ended()).stdout.toString()).not.toContain('rpc-reply')
  })

  it('serves yangcli', async () => {
    await netconfdDevice()
    const { stdout } = await runYangcli(withPassword(), ['get-config source=running', 'close-session'])
    expect(stdout.toString()).toContain('data {')
  })

  it('runs several at once, with one base version or both', async () => {
    const [old, both] = await Promise.all([using(startNetconfd({ protocols: ['netconf1.0'] })), using(startNetconfd())])
    const subsystems = { old: old.subsystem, both: both.subsystem }
    await sshdDevice({ subsystems })
    for (const subsystem of ['old', 'both'] as const) {
      const ssh = startSsh(withKey(), { ask: { subsystem } })
      await ssh.output(end)
      expect(ssh.stdout().includes('netconf:base:1.0')).toBe(true)
      expect(ssh.stdout().includes('urn:ietf:params:netconf:base:1.1')).toBe(subsystem === 'both')
      ssh.end()
      await ssh.ended()
    }
  })
})

describe('the libnetconf2 device', () => {
  const start = (accepts: { readonly password?: string; readonly authorizedKey?: SshKey }, key = rsaHostKey) =>
    using(
      startLibnetconf2Device({
        bridge: crossover.deviceSide,
        hostKey: key,
        login: { user: login.user, ...accepts },
      }),
    )

  it('answers OpenSSH, and dials again after the session', async () => {
    const device = await start({ authorizedKey: clientKey })
    for (let turn = 0; turn < 2; turn++) {
      const ssh = startSsh(withKey())
      await ssh.write(hello + rpc(1, '<get/>') + rpc(2, '<get/>'))
      await ssh.output('message-id="2"')
      ssh.end()
      expect((await ssh.ended()).stdout.toString().match(/<rpc-reply /g)).toHaveLength(2)
    }
    await device.log.match(/^ended 2$/)
  })

  it('sends nothing before its SSH identification', async () => {
    await start({ authorizedKey: clientKey })
    await runSsh(withKey(), hello + rpc(1, '<close-session/>'))
    expect(crossover.preambles[0]).toEqual(Buffer.alloc(0))
  })

  it.each(['default', 'junos'] as const)('serves a full session of ncclient, %s handler', async (handler) => {
    await start({ password: login.password })
    const { replies } = await runNcclient(withPassword(), { handler })
    expect(replies.map((reply) => reply.error)).toEqual(Array(8).fill(undefined))
    expect(replies.at(-2)?.reply).toContain('<name>edited</name>')
  })

  it('serves several sessions on one connection', async () => {
    await start({ password: login.password })
    const sessions = await runParamiko(withPassword(), { sessions: 4 })
    expect(new Set(sessions.map((session) => session.sessionId)).size).toBe(4)
  })

  it('serves PyEZ', async () => {
    await start({ password: login.password })
    const { replies } = await runPyez(withPassword())
    expect(replies[0]).toContain('<name>libnetconf2</name>')
  })

  it('serves yangcli', async () => {
    // Its libssh2 knows RSA host keys only with SHA-1, which nobody offers any more.
    await start({ password: login.password }, await makeSshKey(keyDir.path, 'ecdsa', 'host_ecdsa'))
    const { stdout } = await runYangcli(withPassword(), ['get-config source=running', 'close-session'])
    expect(stdout.toString()).toContain('libnetconf2')
  })
})
