import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWireReader } from '../../src/ssh/wire-reader.js'
import { MESSAGE, rawPeer } from '../ssh/support/raw-peer.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { makeSshKey, type SshKey } from './parts/ssh-keys.js'
import { startSshdDevice } from './parts/sshd-device.js'
import { startTamperingProxy } from './parts/tampering-proxy.js'
import { makeTempDir } from './parts/temp-dir.js'
import { deviceLogin } from './support/attached-device.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { endAfterEach } from './support/resources.js'
import { cheapPasswordHash, opsUser } from './support/users.js'

const own = endAfterEach()
const secret = 'secret-of-the-device'
const nms = { name: 'old-nms', password: 'pw-old' } as const

/** What an old device or client knows, and of a new one is left by who wants it to be weak. */
const WEAK = new Set(['diffie-hellman-group14-sha1', 'ssh-rsa', 'aes128-cbc', 'hmac-sha1', 'none', ''])
const isWeak = (name: string): boolean => WEAK.has(name)

/** What a device knows that is both old and new. */
const OLD_AND_NEW = [
  'HostKeyAlgorithms rsa-sha2-512,ssh-rsa',
  'KexAlgorithms curve25519-sha256,diffie-hellman-group14-sha1',
  'Ciphers aes128-ctr,aes128-cbc',
  'MACs hmac-sha2-256,hmac-sha1',
]

let keys: Awaited<ReturnType<typeof makeTempDir>>
let hostKey: SshKey
let bridge: RunningBridge
beforeAll(async () => {
  keys = await makeTempDir('man-in-the-middle')
  hostKey = await makeSshKey(keys.path, 'rsa', 'host')
  bridge = await startBridge({
    credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
    devices: [
      { id: 'old1', secret, 'host-keys': [hostKey.publicKey], algorithms: 'legacy' },
      { id: 'new1', 'host-keys': [hostKey.publicKey] },
      { id: 'new2', 'host-keys': [(await makeSshKey(keys.path, 'ed25519', 'other')).publicKey] },
    ],
    users: [opsUser(), { name: nms.name, 'password-hash': cheapPasswordHash(nms.password), roles: ['operator'] }],
    endpoint: { ssh: { legacy: { port: 0, users: [nms.name], devices: ['old1'] } } },
  })
})
afterAll(async () => {
  await bridge.stop()
  await keys.remove()
})

async function callHome(port: number, deviceId = 'old1') {
  return own(
    await startSshdDevice({
      deviceId,
      bridge: { host: bridge.host, port },
      preamble: 'junos-secret',
      secret,
      hostKeys: [hostKey],
      login: deviceLogin,
      subsystems: { netconf: byteSubsystem.echo() },
      config: OLD_AND_NEW,
    }),
  )
}

describe('who changes what a device and the bridge offer each other', () => {
  it('to something weak that both would take is found out before anything is said of the device, or to it', async () => {
    const from = bridge.lines.all.length
    const proxy = own(await startTamperingProxy({ host: bridge.host, port: bridge.callHomePort }, isWeak))
    const device = await callHome(proxy.port)
    await bridge.logged(/^call refused/, { reason: 'bad-host-key-signature' }, { from })
    expect(proxy.changed()).toBeGreaterThanOrEqual(2)
    await device.stop()
    const log = bridge.lines.all.slice(from).join('\n')
    expect(log).not.toContain('link attached')
    expect(log).not.toContain('login-failed')
  })

  it('changes nothing by looking on: what is better is agreed on, though the entry allows what is weak', async () => {
    const from = bridge.lines.all.length
    const proxy = own(await startTamperingProxy({ host: bridge.host, port: bridge.callHomePort }, () => true))
    await callHome(proxy.port)
    const line = await bridge.logged(/^link attached/, { deviceId: 'old1', keyExchange: 'curve25519-sha256' }, { from })
    expect(line['weak']).toBeUndefined()
    expect(proxy.changed()).toBe(0)
  })
})

describe('who changes what an old client and its listener offer each other', () => {
  it('is found out by the client before it has said who it is', async () => {
    const from = bridge.lines.all.length
    const proxy = own(await startTamperingProxy({ host: bridge.host, port: bridge.legacyPort }, isWeak))
    const errors = await new Promise<string>((resolve) => {
      const options = [
        'KexAlgorithms=+diffie-hellman-group14-sha1',
        'HostKeyAlgorithms=+ssh-rsa',
        'Ciphers=+aes128-cbc',
        'MACs=+hmac-sha1',
        'StrictHostKeyChecking=no',
        'UserKnownHostsFile=/dev/null',
        'BatchMode=yes',
      ].flatMap((option) => ['-o', option])
      const args = [
        '-F',
        'none',
        ...options,
        '-p',
        String(proxy.port),
        '-s',
        `${nms.name}@old1@${proxy.host}`,
        'netconf',
      ]
      execFile('ssh', args, { timeout: 60_000 }, (_error, _out, told) => resolve(told)).stdin?.end()
    })
    expect(errors).toMatch(/incorrect signature/)
    expect(proxy.changed()).toBe(2)
    expect(bridge.lines.all.slice(from).join('\n')).not.toMatch(/authenticated|login/)
  })
})

describe('who claims the id of an old device', () => {
  /** The names in the bridge's lists for a call that begins so. */
  async function offeredTo(preamble: string): Promise<readonly string[]> {
    const socket = connect(bridge.callHomePort, bridge.host)
    await once(socket, 'connect')
    const peer = rawPeer(socket, preamble)
    const reader = createWireReader((await peer.received(MESSAGE.kexInit)).subarray(17))
    const names = Array.from({ length: 8 }, () => reader.text().split(',')).flat()
    socket.destroy()
    return names
  }
  const junos = (id: string): string => `MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVICE-ID: ${id}\r\n`
  const weakAmong = (names: readonly string[]): readonly string[] =>
    names.filter((name) => name !== 'none' && name !== '' && /sha1$|ssh-rsa$|-cbc$|md5|ssh-dss/.test(name))

  it('is offered what is weak, and at the same moment nobody else is', async () => {
    const claims = ['old1', 'new1', 'new2', 'stranger', 'OLD1', 'old1 ', 'old1.example', '']
    const offers = await Promise.all(claims.map((id) => offeredTo(id === '' ? '' : junos(id)).catch(() => [])))
    const weak = new Map(claims.map((id, at) => [id, weakAmong(offers[at] ?? []).length > 0]))
    expect(weak.get('old1')).toBe(true)
    for (const id of ['new1', 'new2', 'stranger', 'OLD1', 'old1.example', '']) {
      expect([id, weak.get(id)]).toEqual([id, false])
      expect(offers[claims.indexOf(id)]?.length).toBeGreaterThan(10)
    }
  })

  it('beside that of the device that it is judged as is offered nothing weak', async () => {
    const calix = (serial: string, mac: string): string =>
      `<version>1</version><identity><mac>${mac}</mac><serial-number>${serial}</serial-number></identity>\n`
    expect(weakAmong(await offeredTo(calix('new1', 'old1')))).toEqual([])
    expect(weakAmong(await offeredTo(calix('old1', 'new1')))).toContain('ssh-rsa')
    expect(weakAmong(await offeredTo(calix('unheard-of', 'old1')))).toContain('ssh-rsa')
  })
})
