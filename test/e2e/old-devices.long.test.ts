import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { makeSshKey, type SshKey } from './parts/ssh-keys.js'
import { type SshdDeviceOptions, startSshdDevice, type SshdDevice } from './parts/sshd-device.js'
import { makeTempDir } from './parts/temp-dir.js'
import { deviceLogin } from './support/attached-device.js'
import { askBridge } from './support/ask-bridge.js'
import { type ConfigFile, type RunningBridge, startBridge } from './support/bridge.js'
import { operate } from './support/homeport-command.js'
import { metricsOf } from './support/metrics.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf } from './support/test-client.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()
const secret = 'secret-of-old1'

/** What a Junos of 2015 knows, as sshd_config has it. */
const OF_2015 = [
  'HostKeyAlgorithms ssh-rsa',
  'KexAlgorithms diffie-hellman-group14-sha1',
  'Ciphers aes128-cbc',
  'MACs hmac-sha1',
  'PubkeyAcceptedAlgorithms ssh-rsa',
]

let keys: Awaited<ReturnType<typeof makeTempDir>>
let hostKey: SshKey
let loginKey: SshKey
beforeAll(async () => {
  keys = await makeTempDir('old')
  hostKey = await makeSshKey(keys.path, 'rsa', 'host')
  loginKey = await makeSshKey(keys.path, 'rsa', 'login')
})
afterAll(() => keys.remove())

const credentials = { default: { username: deviceLogin.user, password: deviceLogin.password } }
const configWith = (device: ConfigFile, more: ConfigFile = {}): ConfigFile => ({
  credentials,
  devices: [{ id: 'old1', ...device }],
  users: [opsUser()],
  ...more,
})

async function callHome(bridge: RunningBridge, more: Partial<SshdDeviceOptions> = {}): Promise<SshdDevice> {
  return own(
    await startSshdDevice({
      deviceId: 'old1',
      bridge: { host: bridge.host, port: bridge.callHomePort },
      preamble: 'junos-secret',
      secret,
      hostKeys: [hostKey],
      login: deviceLogin,
      subsystems: { netconf: byteSubsystem.echo() },
      config: OF_2015,
      ...more,
    }),
  )
}

describe('an old device', () => {
  it('attaches where its entry allows it what is weak, and it is told everywhere', async () => {
    const bridge = own(await startBridge(configWith({ secret, algorithms: 'legacy' })))
    await callHome(bridge)
    const weak = 'diffie-hellman-group14-sha1, ssh-rsa, aes128-cbc, hmac-sha1'
    await bridge.logged(/^link attached/, { deviceId: 'old1', provenBy: 'hmac', weak })
    expect(bridge.log().find(({ msg }) => /weak algorithms/.test(msg))).toMatchObject({ level: 'warn' })

    const channel = await openNetconf(own(await login(bridge, 'old1')))
    const echoed = new Promise((resolve) => channel.once('data', resolve))
    channel.write('through SHA-1 and CBC')
    expect(String(await echoed)).toBe('through SHA-1 and CBC')

    const shown = await operate(bridge, 'devices', 'show', 'old1')
    expect(shown.stdout).toMatch(/proven by +HMAC of its secret/)
    expect(shown.stdout).toMatch(/logged in by +password/)
    expect(shown.stdout).toMatch(/key exchange +diffie-hellman-group14-sha1, classical/)
    expect(shown.stdout).toMatch(/signed with +ssh-rsa/)
    expect(shown.stdout).toMatch(/cipher +aes128-cbc, hmac-sha1/)
    expect(shown.stdout).toMatch(/weak +diffie-hellman-group14-sha1, ssh-rsa, aes128-cbc, hmac-sha1/)
    const device = JSON.parse((await askBridge(bridge, '/api/v1/devices/old1')).body) as {
      link: { keyExchange: unknown; algorithms: unknown }
    }
    expect(device.link.keyExchange).toEqual({ name: 'diffie-hellman-group14-sha1', postQuantum: false })
    expect(device.link.algorithms).toEqual({
      hostKey: 'ssh-rsa',
      cipher: 'aes128-cbc',
      mac: 'hmac-sha1',
      weak: weak.split(', '),
    })
    const counted = await metricsOf(bridge)
    for (const algorithm of weak.split(', '))
      expect(counted.get(`homeport_weak_algorithms_total{side="device",algorithm="${algorithm}"}`)).toBe(1)
  })

  it('is refused without, and both lists are named', async () => {
    const bridge = own(await startBridge(configWith({ secret })))
    await callHome(bridge)
    const { msg, hint } = await bridge.logged(/^call refused/, { reason: 'no-common-algorithm' })
    expect(msg).toMatch(
      /^call refused: no key exchange in common: the device offers diffie-hellman-group14-sha1; the bridge takes .*curve25519-sha256.*diffie-hellman-group14-sha256$/,
    )
    expect(hint).toMatch(/algorithms: legacy in its entry of devices/)
  })

  it.each([
    ['HostKeyAlgorithms ssh-rsa', 'host key algorithm', 'ssh-rsa'],
    ['Ciphers 3des-cbc', 'cipher', '3des-cbc'],
    ['MACs hmac-md5', 'MAC', 'hmac-md5'],
  ])('is refused with both lists where it has %s alone', async (line, what, theirs) => {
    const bridge = own(await startBridge(configWith({ secret })))
    // A cipher that needs no MAC would do without.
    await callHome(bridge, {
      config: ['Ciphers aes128-ctr', line].filter((each) => each === line || !line.startsWith('Ciphers')),
    })
    const { msg } = await bridge.logged(/^call refused/, { reason: 'no-common-algorithm' })
    expect(msg).toMatch(new RegExp(`no ${what} in common: the device offers ${theirs}; the bridge takes \\S`))
  })

  it('is logged into with an RSA key and SHA-1 only where that is allowed', async () => {
    const more = { credentials: { default: { username: deviceLogin.user, 'private-key': loginKey.path } } }
    const device = { config: OF_2015, login: { user: deviceLogin.user, authorizedKeys: [loginKey.publicKey] } }
    // This sshd says that it knows SHA-2, and takes it only where its configuration has it; an old one says nothing.
    const sha1 = { set: 'legacy', 'pubkey-accepted-algorithms': 'ssh-rsa' }
    const bridge = own(await startBridge(configWith({ secret, algorithms: sha1 }, more)))
    await callHome(bridge, device)
    await bridge.logged(/^link attached/, { loggedInBy: 'key' })

    const strict = { set: 'legacy', 'pubkey-accepted-algorithms': '-ssh-rsa' }
    const other = own(await startBridge(configWith({ secret, algorithms: strict }, more)))
    await callHome(other, device)
    await other.logged(/^call refused/, { reason: 'login-failed' })
  })

  it.each(['diffie-hellman-group-exchange-sha256', 'diffie-hellman-group-exchange-sha1'])(
    'attaches by %s alone, and is refused it without',
    async (kex) => {
      const config = [`KexAlgorithms ${kex}`, 'RekeyLimit 256K']
      const bridge = own(await startBridge(configWith({ secret, algorithms: 'legacy' })))
      await callHome(bridge, { config })
      await bridge.logged(/^link attached/, { keyExchange: kex })
      // Keys are exchanged anew meanwhile.
      const channel = await openNetconf(own(await login(bridge, 'old1')))
      const sent = Buffer.alloc(1024 * 1024, 'x')
      const all = new Promise<number>((resolve) => {
        let received = 0
        channel.on('data', (bytes: Buffer) => {
          received += bytes.length
          if (received >= sent.length) resolve(received)
        })
      })
      channel.write(sent)
      expect(await all).toBe(sent.length)

      const usual = own(await startBridge(configWith({ secret })))
      await callHome(usual, { config })
      await usual.logged(/^call refused/, { reason: 'no-common-algorithm' })
    },
  )

  it('that says nothing of itself is known by its network', async () => {
    const bySource = (from: string): ConfigFile =>
      configWith(
        { 'host-keys': [hostKey.publicKey] },
        { 'call-home': { ssh: { algorithms: [{ from: [from], set: 'legacy' }] } } },
      )
    const bridge = own(await startBridge(bySource('127.0.0.0/8')))
    await callHome(bridge, { preamble: 'none' })
    await bridge.logged(/^link attached/, { deviceId: 'old1', provenBy: 'pin' })
    const other = own(await startBridge(bySource('10.0.0.0/8')))
    await callHome(other, { preamble: 'none' })
    await other.logged(/^call refused/, { reason: 'no-common-algorithm' })
  })

  it('that says who it is gets nothing by its network', async () => {
    const bridge = own(
      await startBridge(
        configWith({ secret }, { 'call-home': { ssh: { algorithms: [{ from: ['127.0.0.0/8'], set: 'legacy' }] } } }),
      ),
    )
    await callHome(bridge)
    await bridge.logged(/^call refused/, { reason: 'no-common-algorithm' })
  })
})

describe('who is not the old device', () => {
  it('is offered its algorithms for its id, and gets no further than without', async () => {
    const bridge = own(await startBridge(configWith({ secret, algorithms: 'legacy' })))
    await callHome(bridge, { secret: 'guessed' })
    await bridge.logged(/^call refused/, { reason: 'wrong-hmac' })
    expect(bridge.log().some(({ msg }) => /attached/.test(msg))).toBe(false)
  })

  it('is offered nothing weak under another id', async () => {
    const config = configWith({ secret, algorithms: 'legacy' })
    const bridge = own(
      await startBridge({ ...config, devices: [...(config['devices'] as object[]), { id: 'new1', secret }] }),
    )
    await callHome(bridge, { deviceId: 'new1' })
    await bridge.logged(/^call refused/, { reason: 'no-common-algorithm', claimed: 'new1' })
  })
})

describe('a reload', () => {
  it('ends the link of a device that loses what is weak, and lets in one that gets it', async () => {
    const bridge = own(await startBridge(configWith({ secret, algorithms: 'legacy' })))
    await callHome(bridge)
    await bridge.logged(/^link attached/)
    const from = bridge.lines.all.length
    await bridge.reload(configWith({ secret }))
    const { msg } = await bridge.logged(/^link detached/, { reason: 'algorithms-withdrawn' }, { from })
    expect(msg).toMatch(/weak algorithms any more that it uses: diffie-hellman-group14-sha1, /)
    await bridge.logged(/^call refused/, { reason: 'no-common-algorithm' }, { from })
    const again = bridge.lines.all.length
    await bridge.reload(configWith({ secret, algorithms: { set: 'legacy', ciphers: '-aes256-cbc' } }))
    await bridge.logged(/^link attached/, {}, { from: again })
  })

  it('with a list that leaves nothing is refused, and the link stays', async () => {
    const bridge = own(await startBridge(configWith({ secret, algorithms: 'legacy' })))
    await callHome(bridge)
    await bridge.logged(/^link attached/)
    const from = bridge.lines.all.length
    await bridge.reload(configWith({ secret, algorithms: { macs: '-*' } }))
    await bridge.logged(/configuration not reloaded/, {}, { from })
    expect(bridge.lines.all.slice(from).join('\n')).toMatch(/devices\[0\]\.algorithms\.macs: leaves no MAC algorithm/)
    expect(JSON.parse((await askBridge(bridge, '/api/v1/devices/old1')).body)).toMatchObject({ link: { sessions: 0 } })
    expect(await readFile(join(bridge.directory, 'homeport.yaml'), 'utf8')).toContain('-*')
  })
})
