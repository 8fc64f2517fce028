import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { startSimulatedDevice } from '../../src/simulator/simulated-device.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { junosPreamble, junosSecretPreamble } from './parts/preamble.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir } from './parts/temp-dir.js'
import { deviceLogin } from './support/attached-device.js'
import { startBridge } from './support/bridge.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf } from './support/test-client.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()
const credentials = { default: { username: deviceLogin.user, password: deviceLogin.password } }

/** The same words as Junos sends them, in other forms that were seen or documented. */
const forms: readonly [name: string, write: (line: string, hostKey: string, hmac: string) => string][] = [
  [
    'spaces missing',
    (id, key, hmac) =>
      `MSG-ID:DEVICE-CONN-INFO\r\nMSG-VER:V1\r\nDEVICE-ID:${id}\r\nHOST-KEY:${key}\r\nHMAC:${hmac}\r\n`,
  ],
  [
    'a doubled colon',
    (id, key, hmac) =>
      `MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVICE-ID: : ${id}\r\nHOST-KEY: ${key}\r\nHMAC: ${hmac}\r\n`,
  ],
  [
    'NUL after each line',
    (id, key, hmac) => `MSG-ID: DEVICE-CONN-INFO\0\r\nDEVICE-ID: ${id}\0\r\nHOST-KEY: ${key}\0\r\nHMAC: ${hmac}\0\r\n`,
  ],
  ['blank lines at the end', (id, key, hmac) => `DEVICE-ID: ${id}\r\nHOST-KEY: ${key}\r\nHMAC: ${hmac}\r\n\r\n\r\n`],
  [
    'line feeds alone',
    (id, key, hmac) => `MSG-ID: DEVICE-CONN-INFO\nDEVICE-ID: ${id}\nHOST-KEY: ${key}\nHMAC: ${hmac}\n`,
  ],
  [
    'unknown keys between',
    (id, key, hmac) =>
      `MSG-ID: DEVICE-CONN-INFO\r\nCOLOUR: blue\r\nDEVICE-ID: ${id}\r\nX: \r\nHOST-KEY: ${key}\r\nHMAC: ${hmac}\r\nLAST: 1\r\n`,
  ],
  [
    'a comment after the key, HMAC in capitals',
    (id, key, hmac) => `DEVICE-ID: ${id}\r\nHOST-KEY: ${key} root@re0\r\nHMAC: ${hmac.toUpperCase()}\r\n`,
  ],
]

describe('a device calls home in any form', () => {
  it.each(forms)('an initiation sequence with %s', async (_name, write) => {
    const keys = await makeTempDir('form')
    const hostKey = await makeSshKey(keys.path, 'ed25519')
    const [, announced = '', hmac = ''] =
      /HOST-KEY: (.*)\0\r\nHMAC: (.*)\r\n/.exec(junosSecretPreamble('router1', 's', hostKey.publicKey).toString()) ?? []
    const bridge = own(
      await startBridge({ credentials, devices: [{ id: 'router1', secret: 's' }], users: [opsUser()] }),
    )
    own(
      await startSshdDevice({
        deviceId: 'router1',
        bridge: { host: bridge.host, port: bridge.callHomePort },
        preamble: [write('router1', announced, hmac)],
        hostKeys: [hostKey],
        login: deviceLogin,
        subsystems: { netconf: byteSubsystem.echo() },
      }),
    )
    await bridge.logged(/^link attached/, { deviceId: 'router1' })
    await keys.remove()
  })

  it('in segments of three octets', async () => {
    const keys = await makeTempDir('form')
    const hostKey = await makeSshKey(keys.path, 'ecdsa')
    const bytes = junosPreamble('router1')
    const bridge = own(
      await startBridge({ credentials, devices: [{ id: 'router1', 'host-keys': [hostKey.publicKey] }] }),
    )
    own(
      await startSshdDevice({
        deviceId: 'router1',
        bridge: { host: bridge.host, port: bridge.callHomePort },
        preamble: Array.from({ length: Math.ceil(bytes.length / 3) }, (_, at) => bytes.subarray(at * 3, at * 3 + 3)),
        hostKeys: [hostKey],
        login: deviceLogin,
        subsystems: {},
      }),
    )
    await bridge.logged(/^link attached/, { deviceId: 'router1' })
    await keys.remove()
  })

  it('over IPv4 to the dual-stack listener, and is logged by its IPv4 address', async () => {
    const keys = await makeTempDir('form')
    const hostKey = await makeSshKey(keys.path, 'ed25519')
    const bridge = own(
      await startBridge({
        credentials,
        devices: [{ id: 'router1', 'host-keys': [hostKey.publicKey] }],
        'call-home': { ssh: { address: '::' } },
      }),
    )
    own(
      await startSshdDevice({
        deviceId: 'router1',
        bridge: { host: '127.0.0.1', port: bridge.callHomePort },
        hostKeys: [hostKey],
        login: deviceLogin,
        subsystems: {},
      }),
    )
    expect((await bridge.logged(/^link attached/))['source']).toMatch(/^127\.0\.0\.1:\d+$/)
    await keys.remove()
  })

  it.each(['00:02:5d:d9:21:47', 'E7-1234'])(
    'a Calix identity, which waits for its acknowledgement, as %s',
    async (id) => {
      const keys = await makeTempDir('form')
      const hostKey = await makeSshKey(keys.path, 'ed25519')
      const bridge = own(await startBridge({ credentials, devices: [{ id, 'host-keys': [hostKey.publicKey] }] }))
      own(
        startSimulatedDevice({
          id,
          preamble: 'calix',
          bridge: { host: bridge.host, port: bridge.callHomePort },
          hostKey: await readFile(hostKey.path, 'utf8'),
          username: deviceLogin.user,
          password: deviceLogin.password,
        }),
      )
      await bridge.logged(/^link attached/, { deviceId: id })
      await keys.remove()
    },
  )
})

describe('keepalives', () => {
  it('the device’s own probes are answered, without and with a session on the link', async () => {
    const keys = await makeTempDir('keepalive')
    const hostKey = await makeSshKey(keys.path, 'ed25519')
    const bridge = own(
      await startBridge({
        credentials,
        devices: [{ id: 'router1', 'host-keys': [hostKey.publicKey] }],
        users: [opsUser()],
      }),
    )
    const device = own(
      await startSshdDevice({
        deviceId: 'router1',
        bridge: { host: bridge.host, port: bridge.callHomePort },
        hostKeys: [hostKey],
        login: deviceLogin,
        subsystems: { netconf: byteSubsystem.echo() },
        // One unanswered probe ends the connection. The log shows each packet by its number (RFC 4250 §4.1.2).
        config: ['ClientAliveInterval 1', 'ClientAliveCountMax 1', 'LogLevel DEBUG3'],
      }),
    )
    await bridge.logged(/^link attached/)
    await device.log.match(/receive packet: type 82/)
    const client = own(await login(bridge, 'router1'))
    const channel = await openNetconf(client)
    const from = device.log.all.length
    await device.log.match(/receive packet: type 100/, { from })
    const echoed = once(channel, 'data')
    channel.write('alive')
    expect(String(await echoed)).toBe('alive')
    expect(device.dials()).toBe(1)
    await keys.remove()
  })

  it('a device that goes silent is probed and dropped, and its redial is taken', async () => {
    const keys = await makeTempDir('keepalive')
    const hostKey = await makeSshKey(keys.path, 'ed25519')
    const bridge = own(
      await startBridge({
        credentials,
        devices: [{ id: 'router1', 'host-keys': [hostKey.publicKey] }],
        link: { 'keepalive-interval': '200ms', 'keepalive-count-max': 2 },
      }),
    )
    const device = own(
      await startSshdDevice({
        deviceId: 'router1',
        bridge: { host: bridge.host, port: bridge.callHomePort },
        hostKeys: [hostKey],
        login: deviceLogin,
        subsystems: {},
        proxied: true,
      }),
    )
    await bridge.logged(/^link attached/)
    const from = bridge.lines.all.length
    device.freeze()
    await bridge.logged(/^link detached/, { reason: 'keepalive-timeout' }, { from })
    await device.dialAgain()
    await bridge.logged(/^link attached/, {}, { from })
    await keys.remove()
  })
})
