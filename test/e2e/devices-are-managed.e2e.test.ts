import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { startSsh } from './parts/clients.js'
import { makeSshKey, type SshKey } from './parts/ssh-keys.js'
import { type SshdDevice, type SshdDeviceOptions, startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { deviceLogin } from './support/attached-device.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { operate } from './support/homeport-command.js'
import { endAfterEach } from './support/resources.js'
import { ops, opsUser } from './support/users.js'

const own = endAfterEach()

describe('devices on real sshd, as an operator sees and changes them', () => {
  let room: TempDir
  let bridge: RunningBridge
  let hostKey: SshKey
  const devices: SshdDevice[] = []

  const callHome = async (deviceId: string, more: Partial<SshdDeviceOptions>): Promise<void> => {
    const device = await startSshdDevice({
      deviceId,
      bridge: { host: bridge.host, port: bridge.callHomePort },
      hostKeys: [hostKey],
      login: deviceLogin,
      subsystems: { netconf: byteSubsystem.echo() },
      ...more,
    })
    devices.push(device)
  }

  beforeAll(async () => {
    room = await makeTempDir('managed')
    hostKey = await makeSshKey(room.path, 'ed25519', 'host')
    bridge = await startBridge({
      credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
      devices: [
        { id: 'refused1', secret: 'the secret of the bridge' },
        { id: 'by-key', 'host-keys': [hostKey.publicKey] },
        { id: 'silent' },
      ],
      users: [opsUser({ roles: ['tokyo'] })],
      roles: { tokyo: { devices: ['site=tokyo'], operations: ['*'] } },
    })
  })
  afterAll(async () => {
    for (const device of devices) await device.stop()
    await bridge?.stop()
    await room?.remove()
  })

  const list = async (...options: readonly string[]): Promise<string> => {
    const { stdout, stderr } = await operate(bridge, 'devices', 'list', ...options)
    return stdout + stderr
  }

  it('a device that is imported with its host key attaches, and the list says how it was proven', async () => {
    const file = join(room.path, 'fleet.csv')
    await writeFile(file, `id,host-key,labels\nedge-7,${hostKey.publicKey},site=tokyo\n`)
    expect(await operate(bridge, 'devices', 'import', file)).toMatchObject({ status: 0 })
    await callHome('edge-7', { preamble: 'junos' })
    const attached = await bridge.logged(/^link attached/, { deviceId: 'edge-7' })
    expect(attached).toMatchObject({ provenBy: 'pin', loggedInBy: 'password' })
    expect(await list('--attached')).toMatch(/^edge-7 +approved +attached \d+ s .* site=tokyo$/m)
    const { stdout } = await operate(bridge, 'devices', 'show', 'edge-7')
    expect(stdout).toMatch(/^proven by +pinned key$/m)
    expect(stdout).toMatch(/^logged in by +password$/m)
  })

  it('one that is refused is told from one that never called, with why and what to do', async () => {
    await callHome('refused1', { preamble: 'junos-secret', secret: 'another secret' })
    await bridge.logged(/^call refused/, { claimed: 'refused1' })
    expect(await list()).toMatch(/^refused1 +configured +refused \d+ s ago: wrong-hmac /m)
    expect(await list()).toMatch(/^silent +configured +never called /m)
    expect(await list('--refused')).not.toMatch(/silent|edge-7/)
    const { stdout } = await operate(bridge, 'devices', 'show', 'refused1')
    expect(stdout).toMatch(/^hint +.{10}/m)
  })

  it('when one was seen is known that its host key in the file proves, also once it has gone', async () => {
    await callHome('by-key', { preamble: 'junos' })
    await bridge.logged(/^link attached/, { deviceId: 'by-key' })
    const { stdout } = await operate(bridge, 'devices', 'show', 'by-key')
    expect(stdout).toMatch(/^last seen +now$/m)
    await devices.pop()?.stop()
    await bridge.logged(/^link detached/, { deviceId: 'by-key' })
    expect(await list('--away')).toMatch(/^by-key +configured +away since \d{4}-\d\d-\d\d /m)
  })

  it('a label that takes a right away ends the session at once, and gives it back to the next', async () => {
    const open = () => {
      const { host, endpointPort: port } = bridge
      const session = startSsh({ host, port, user: `${ops.name}@edge-7`, password: ops.password })
      own({ stop: () => session.kill() })
      return session
    }
    const session = open()
    await session.write('hello')
    await session.output('hello')
    expect(await operate(bridge, 'devices', 'label', 'edge-7', 'site=osaka', 'rack=7')).toMatchObject({
      stdout: 'edge-7: site=osaka rack=7\n',
      status: 0,
    })
    expect((await session.ended()).stderr).toMatch(/no role of user ops includes device edge-7/)
    await bridge.logged(/^labels of the device changed/, { deviceId: 'edge-7', by: 'operator' })
    expect(await operate(bridge, 'devices', 'label', '--selector', 'edge-*', 'site=tokyo', 'rack-')).toMatchObject({
      stdout: 'edge-7: site=tokyo\n',
    })
    const again = open()
    await again.write('hello')
    await again.output('hello')
  })

  it('inventories have the port where the bridge listens', async () => {
    const { stdout } = await operate(bridge, 'devices', 'hosts', '--format', 'ssh-config', '--bridge', bridge.host)
    expect(stdout).toContain(`ProxyJump ${bridge.host}:${bridge.endpointPort}\n`)
  })

  it('links are ended by filters, and the devices dial again', async () => {
    const from = bridge.lines.all.length
    expect(await operate(bridge, 'devices', 'disconnect', '--label', 'site=tokyo')).toMatchObject({
      stdout: 'disconnected: edge-7\n',
      status: 0,
    })
    await bridge.logged(/^link attached/, { deviceId: 'edge-7' }, { from })
  })
})
