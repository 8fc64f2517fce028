import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KeyPair, type KeyRoom, makeKeyRoom } from '../ssh/ssh-keygen.js'
import { startSshAgent } from './parts/ssh-agent.js'
import { byteSubsystem, expectedHash } from './parts/byte-subsystem.js'
import { startSsh } from './parts/clients.js'
import { type SshdDeviceOptions, startSshdDevice } from './parts/sshd-device.js'
import { deviceLogin } from './support/attached-device.js'
import { type ConfigFile, type RunningBridge, startBridge } from './support/bridge.js'
import { partKey } from './support/certificate-peers.js'
import { clientLogin } from './support/client-login.js'
import { operate } from './support/homeport-command.js'
import { metricsOf } from './support/metrics.js'
import { endAfterEach } from './support/resources.js'
import { opsUser } from './support/users.js'

const MiB = 1024 * 1024
const own = endAfterEach()
const id = 'router1.example'
const password = { default: { username: deviceLogin.user, password: deviceLogin.password } }

let room: KeyRoom
let hostCa: KeyPair
let userCa: KeyPair

beforeAll(async () => {
  room = await makeKeyRoom()
  hostCa = await room.key('host_ca')
  userCa = await room.key('user_ca')
})
afterAll(() => room?.remove())

/** A device whose sshd proves this host key, with a certificate if there is one beside it. */
function device(
  bridge: RunningBridge,
  hostKey: KeyPair,
  options: Partial<SshdDeviceOptions> & { certified?: boolean } = {},
) {
  const { certified = true, config = [], ...rest } = options
  return startSshdDevice({
    deviceId: id,
    bridge: { host: bridge.host, port: bridge.callHomePort },
    hostKeys: [partKey(hostKey)],
    login: deviceLogin,
    subsystems: { netconf: byteSubsystem.echo() },
    redialDelay: 'never',
    config: [...(certified ? [`HostCertificate ${hostKey.path}-cert.pub`] : []), ...config],
    ...rest,
  })
}

function bridgeThatTrusts(lines: readonly string[], more: ConfigFile = {}): Promise<RunningBridge> {
  return knownHosts(lines).then((file) =>
    startBridge({
      credentials: password,
      devices: [{ id, aliases: ['edge1'] }],
      users: [opsUser()],
      trust: { 'known-hosts': file, 'first-use': 'refuse' },
      ...more,
    }),
  )
}

let files = 0
async function knownHosts(lines: readonly string[]): Promise<string> {
  files += 1
  const file = join(room.directory, `known_hosts${files}`)
  await writeFile(file, lines.map((line) => `${line}\n`).join(''))
  return file
}

async function hostKey(name: string, principals: string, options: readonly string[] = []): Promise<KeyPair> {
  const key = await room.key(name)
  await room.certify(hostCa, key, ['-h', '-n', principals, '-V', '-1m:+1h', ...options])
  return key
}

describe('a device’s host certificate', () => {
  it.each([
    ['its device id', id],
    ['its device id among others', `other,${id}`],
    ['an alias', 'edge1'],
  ])('of a trusted CA, whose principal is %s, is trusted', async (name, principals) => {
    const bridge = own(await bridgeThatTrusts([`@cert-authority * ${hostCa.line}`]))
    own(await device(bridge, await hostKey(`good-${name.replaceAll(' ', '-')}`, principals)))
    await bridge.logged(/^link attached/, { deviceId: id })
  })

  it.each(['ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'rsa'] as const)('of an %s key is trusted', async (kind) => {
    const key = await room.key('host', kind)
    await room.certify(hostCa, key, ['-h', '-n', id, '-V', '-1m:+1h'])
    const bridge = own(await bridgeThatTrusts([`@cert-authority * ${hostCa.line}`]))
    own(await device(bridge, key))
    await bridge.logged(/^link attached/, { deviceId: id })
  })

  it('that ends within fourteen days is warned of, shown and measured', async () => {
    const bridge = own(await bridgeThatTrusts([`@cert-authority * ${hostCa.line}`]))
    own(await device(bridge, await hostKey('ends-soon', id, ['-V', '-1m:+3d'])))
    const { certificateValidUntil } = await bridge.logged(/^link attached/, { deviceId: id, provenBy: 'certificate' })
    const { msg, hint } = await bridge.logged(/^its host certificate/, { level: 'warn', deviceId: id })
    expect(msg).toBe(`its host certificate expires in 2 days, at ${String(certificateValidUntil)}`)
    expect(hint).toMatch(/homeport ca sign-host/)
    const shown = await operate(bridge, 'devices', 'show', id)
    expect(shown.stdout).toMatch(/valid until +\S+ \S+: the certificate expires in 2 days/)
    const seconds = (await metricsOf(bridge)).get('homeport_device_certificate_expiry_seconds') ?? 0
    expect(seconds).toBeGreaterThan(2 * 86_400)
    expect(seconds).toBeLessThan(3 * 86_400)
  })

  it('tells which device a call without an initiation sequence is', async () => {
    const bridge = own(await bridgeThatTrusts([`@cert-authority *.example ${hostCa.line}`]))
    own(await device(bridge, await hostKey('silent', id), { preamble: 'none' }))
    await bridge.logged(/^link attached/, { deviceId: id })
  })

  it('enrols a device that nobody had heard of', async () => {
    const bridge = own(await bridgeThatTrusts([`@cert-authority * ${hostCa.line}`], { devices: [] }))
    own(await device(bridge, await hostKey('unheard', id)))
    await bridge.logged(/^link attached/, { deviceId: id })
  })

  it.each<[string, string, () => Promise<KeyPair>]>([
    ['has expired', 'certificate-expired', () => hostKey('expired', id, ['-V', '-2h:-1h'])],
    ['is not yet valid', 'certificate-not-yet-valid', () => hostKey('early', id, ['-V', '+1h:+2h'])],
    ['is for another device', 'certificate-wrong-principal', () => hostKey('other', 'router2.example')],
    [
      'has no principals',
      'certificate-no-principals',
      async () => {
        const key = await room.key('nobody')
        await room.certify(hostCa, key, ['-h', '-V', '-1m:+1h'])
        return key
      },
    ],
    [
      'has an unknown critical option',
      'certificate-unknown-critical-option',
      () => hostKey('critical', id, ['-O', 'critical:new@example.com=1']),
    ],
    [
      'was signed with SHA-1',
      'certificate-weak-ca-signature',
      async () => {
        const key = await room.key('weak')
        await room.certify(await room.key('rsa_ca', 'rsa'), key, ['-t', 'ssh-rsa', '-h', '-n', id, '-V', '-1m:+1h'])
        return key
      },
    ],
    [
      'is a user certificate',
      'certificate-wrong-role',
      async () => {
        const key = await room.key('of-a-user')
        await room.certify(hostCa, key, ['-n', id, '-V', '-1m:+1h'])
        return key
      },
    ],
    [
      'was signed by a CA that is not trusted',
      'nothing-proves-it',
      async () => {
        const key = await room.key('foreign')
        await room.certify(await room.key('foreign_ca'), key, ['-h', '-n', id, '-V', '-1m:+1h'])
        return key
      },
    ],
  ])('that %s is refused as %s, and nothing is sent to log in with', async (_name, reason, make) => {
    const rsaCa = await room.key('rsa_ca', 'rsa')
    const bridge = own(await bridgeThatTrusts([`@cert-authority * ${hostCa.line}`, `@cert-authority * ${rsaCa.line}`]))
    const calling = own(await device(bridge, await make()))
    const refusal = await bridge.logged(/^call refused/)
    expect(refusal['reason']).toBe(reason)
    await calling.stop()
    expect(calling.log.all.join('\n')).not.toMatch(/userauth-request/)
  })

  it.each([
    ['the key', (key: KeyPair) => `@revoked * ${key.line}`],
    ['its CA', () => `@revoked * ${hostCa.line}`],
  ])('of which %s is @revoked is refused', async (part, line) => {
    const key = await hostKey(`revoked-${part.replaceAll(' ', '-')}`, id)
    const bridge = own(await bridgeThatTrusts([`@cert-authority * ${hostCa.line}`, line(key)]))
    own(await device(bridge, key))
    expect((await bridge.logged(/^call refused/))['reason']).toBe('revoked')
  })

  it.each([
    ['serial', 'serial: 7'],
    ['key id', 'id: test'],
  ])('whose %s is in a KRL is refused', async (name, spec) => {
    const key = await hostKey(`krl-${name.replaceAll(' ', '-')}`, id, ['-z', '7'])
    const specFile = await room.write(`spec-${name.replaceAll(' ', '-')}`, `${spec}\n`)
    const krl = `${specFile}.krl`
    await room.run('-q', '-k', '-f', krl, '-s', `${hostCa.path}.pub`, specFile)
    const file = await knownHosts([`@cert-authority * ${hostCa.line}`])
    const bridge = own(
      await bridgeThatTrusts([], { trust: { 'known-hosts': file, revoked: [krl], 'first-use': 'refuse' } }),
    )
    own(await device(bridge, key))
    expect((await bridge.logged(/^call refused/))['reason']).toBe('revoked')
  })
})

describe('a device’s plain key in known_hosts', () => {
  it.each([
    ['by its name', (line: string) => [`${id} ${line}`]],
    ['by a pattern', (line: string) => [`*.example,!router2.example ${line}`]],
    ['by name and port', (line: string) => [`[${id}]:830 ${line}`]],
  ])('%s is trusted', async (_name, lines) => {
    const key = await room.key('plain')
    const bridge = own(await bridgeThatTrusts(lines(key.line)))
    own(await device(bridge, key, { certified: false }))
    await bridge.logged(/^link attached/, { deviceId: id })
  })

  it('hashed by ssh-keygen -H is trusted', async () => {
    const key = await room.key('plain')
    const file = await knownHosts([`${id} ${key.line}`])
    await room.run('-q', '-H', '-f', file)
    const bridge = own(await bridgeThatTrusts([], { trust: { 'known-hosts': file, 'first-use': 'refuse' } }))
    own(await device(bridge, key, { certified: false }))
    await bridge.logged(/^link attached/, { deviceId: id })
  })

  it('that differs is refused as changed', async () => {
    const bridge = own(await bridgeThatTrusts([`${id} ${(await room.key('before')).line}`]))
    own(await device(bridge, await room.key('after'), { certified: false }))
    expect((await bridge.logged(/^call refused/))['reason']).toBe('host-key-not-pinned')
  })
})

describe('the bridge logs into a device', () => {
  const principals = 'netconf-admins'

  async function userCertificate(name: string): Promise<KeyPair> {
    const key = await room.key(name)
    await room.certify(userCa, key, ['-n', principals, '-V', '-1m:+1h'])
    return key
  }

  async function trustsUserCa(): Promise<string[]> {
    const file = await room.write('principals', `${principals}\n`)
    return [`TrustedUserCAKeys ${userCa.path}.pub`, `AuthorizedPrincipalsFile ${file}`]
  }

  async function attach(credentials: ConfigFile, login: SshdDeviceOptions['login'], config: readonly string[] = []) {
    const key = await room.key('login-host')
    const bridge = own(
      await startBridge({
        credentials: { default: { username: deviceLogin.user, ...credentials } },
        devices: [{ id, 'host-keys': [key.line] }],
        users: [opsUser()],
      }),
    )
    const calling = own(await device(bridge, key, { certified: false, login, config }))
    await bridge.logged(/^link attached/, { deviceId: id })
    return { bridge, calling }
  }

  it('with a certificate, where no other method is enabled', async () => {
    const key = await userCertificate('by-certificate')
    const { calling } = await attach(
      { 'private-key': key.path, certificate: `${key.path}-cert.pub` },
      { user: deviceLogin.user, authorizedKeys: [] },
      await trustsUserCa(),
    )
    await calling.log.match(/Accepted publickey for netconf.*ED25519-CERT/)
  })

  it('with a key that it makes for this login, certified by a user CA of its own for some minutes', async () => {
    const { calling } = await attach(
      { 'user-ca': userCa.path, principals: [principals] },
      { user: deviceLogin.user, authorizedKeys: [] },
      await trustsUserCa(),
    )
    const line = await calling.log.match(/Accepted publickey for netconf/)
    expect(line).toContain(`ID homeport login to ${id}`)
  })

  it.each([
    ['a key that an agent holds', false],
    ['a certificate that an agent holds', true],
  ])('with %s', async (_name, certified) => {
    const key = certified ? await userCertificate('agent-certificate') : await room.key('agent-key')
    const agent = own(await startSshAgent(join(room.directory, `agent-${certified}`)))
    await agent.add(key.path)
    const login = { user: deviceLogin.user, authorizedKeys: certified ? [] : [key.line] }
    const { calling } = await attach({ agent: agent.socket }, login, certified ? await trustsUserCa() : [])
    await calling.log.match(
      certified ? /Accepted publickey for netconf.*ED25519-CERT/ : /Accepted publickey for netconf/,
    )
  })

  it('with the one of nine keys of an agent that it is told to use, after which the device would not be asked', async () => {
    const agent = own(await startSshAgent(join(room.directory, 'agent-of-nine')))
    const keys = await Promise.all(Array.from({ length: 9 }, (_, at) => room.key(`nine-${at}`)))
    for (const { path } of keys) await agent.add(path)
    const last = keys.at(-1)
    if (last === undefined) throw new Error('no key')
    const login = { user: deviceLogin.user, authorizedKeys: [last.line] }
    const { bridge } = await attach({ agent: agent.socket, 'agent-key': last.line }, login)
    // sshd hangs up after six.
    const from = bridge.lines.all.length
    const hostKey = await room.key('login-host')
    await bridge.reload({
      credentials: { default: { username: deviceLogin.user, agent: agent.socket } },
      devices: [{ id, 'host-keys': [hostKey.line] }],
      users: [opsUser()],
    })
    own(await device(bridge, hostKey, { certified: false, login }))
    await bridge.logged(/^call refused/, { reason: 'login-failed' }, { from })
  })

  it('tries certificate, then key, then password, as the device’s log shows', async () => {
    const key = await userCertificate('in-order')
    const { calling } = await attach(
      { 'private-key': key.path, certificate: `${key.path}-cert.pub`, password: deviceLogin.password },
      { user: deviceLogin.user, password: deviceLogin.password, authorizedKeys: [] },
    )
    await calling.log.match(/Accepted password/)
    const order = calling.log.all.flatMap((line) => {
      const [, method, type] =
        /(?:Postponed|Failed|Accepted) (publickey|password) for netconf.*?(?:ssh2: (ED25519-CERT|ED25519))?/.exec(
          line,
        ) ?? []
      const offered = /test pkalg (\S+)/.exec(line)?.[1]
      return offered ?? (method === 'password' ? [method] : []).concat(type ?? [])
    })
    expect(order).toEqual(['ssh-ed25519-cert-v01@openssh.com', 'ssh-ed25519', 'password'])
  })

  it('reads a certificate again when it was renewed on disk', async () => {
    const key = await room.key('renewed')
    await room.certify(userCa, key, ['-n', principals, '-V', '-2h:-1h'])
    const hostPin = await room.key('login-host')
    const bridge = own(
      await startBridge({
        credentials: {
          default: { username: deviceLogin.user, 'private-key': key.path, certificate: `${key.path}-cert.pub` },
        },
        devices: [{ id, 'host-keys': [hostPin.line] }],
      }),
    )
    const calling = own(
      await device(bridge, hostPin, {
        certified: false,
        login: { user: deviceLogin.user, authorizedKeys: [] },
        config: await trustsUserCa(),
        redialDelay: 100,
      }),
    )
    await bridge.logged(/^call refused/, { reason: 'login-failed' })
    await room.certify(userCa, key, ['-n', principals, '-V', '-1m:+1h'])
    await bridge.logged(/^link attached/, { deviceId: id })
    await calling.log.match(/Accepted publickey for netconf.*ED25519-CERT/)
  })
})

describe('a link with a host certificate', () => {
  it('is rekeyed in the middle of 64 MiB although the certificate has expired meanwhile', async () => {
    const key = await room.key('short-lived')
    const bridge = own(await bridgeThatTrusts([`@cert-authority * ${hostCa.line}`]))
    // Valid for as long as it takes to attach on a busy machine; the transfer begins when that is over.
    await room.certify(hostCa, key, ['-h', '-n', id, '-V', '-1m:+8s'])
    const expires = Date.now() + 8_000
    const expired = `while [ "$(date +%s)" -le ${Math.ceil(expires / 1000)} ]; do sleep 0.2; done`
    const calling = own(
      await device(bridge, key, {
        subsystems: { netconf: `${expired}; ${byteSubsystem.send(64 * MiB).replace(/^exec /, '')}` },
        config: ['RekeyLimit 1M', 'LogLevel DEBUG1'],
      }),
    )
    await bridge.logged(/^link attached/, { deviceId: id })
    const { stdout } = await startSsh(clientLogin(bridge, id)).ended()
    expect(Date.now()).toBeGreaterThan(expires)
    expect(createHash('sha256').update(stdout).digest('hex')).toBe(expectedHash(64 * MiB))
    expect(
      calling.log.all.filter((line) => /rekey(ing|ed)|SSH2_MSG_NEWKEYS received/i.test(line)).length,
    ).toBeGreaterThan(10)
    expect(calling.dials()).toBe(1)
  })
})
