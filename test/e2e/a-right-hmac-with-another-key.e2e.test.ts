import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fingerprintOf as fingerprintOfBlob } from '../../src/ssh/public-key.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { makeSshKey, type SshKey } from './parts/ssh-keys.js'
import { startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir } from './parts/temp-dir.js'
import { askBridge } from './support/ask-bridge.js'
import { deviceLogin } from './support/attached-device.js'
import { type ConfigFile, type RunningBridge, startBridge } from './support/bridge.js'
import { operate } from './support/homeport-command.js'
import { endAfterEach } from './support/resources.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()
const secret = 'secret-of-router1'

let keys: Awaited<ReturnType<typeof makeTempDir>>
let before: SshKey
let after: SshKey
beforeAll(async () => {
  keys = await makeTempDir('replaced')
  before = await makeSshKey(keys.path, 'ed25519', 'before')
  after = await makeSshKey(keys.path, 'ecdsa', 'after')
})
afterAll(() => keys.remove())

/** As `ssh-keygen -l` prints it. */
function fingerprintOf({ publicKey }: SshKey): string {
  return fingerprintOfBlob(Buffer.from(publicKey.split(' ')[1] ?? '', 'base64'))
}

const configWith = (hmac: string): ConfigFile => ({
  credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
  devices: [{ id: 'router1', secret }],
  users: [opsUser()],
  trust: { hmac },
})

async function callHome(bridge: RunningBridge, hostKey: SshKey) {
  return own(
    await startSshdDevice({
      deviceId: 'router1',
      bridge: { host: bridge.host, port: bridge.callHomePort },
      preamble: 'junos-secret',
      secret,
      hostKeys: [hostKey],
      login: deviceLogin,
      subsystems: { netconf: byteSubsystem.echo() },
    }),
  )
}

async function pinsOf(bridge: RunningBridge): Promise<unknown> {
  return (JSON.parse((await askBridge(bridge, '/api/v1/devices/router1')).body) as { pins: unknown }).pins
}

describe('a device that got another host key and knows its secret', () => {
  it('is refused by default and told of, and replaces the pin where that is allowed', async () => {
    const bridge = own(await startBridge(configWith('keeps-pins')))
    const old = await callHome(bridge, before)
    await bridge.logged(/^link attached/, { provenBy: 'hmac' })
    await old.stop()
    await callHome(bridge, after)
    const { msg, hint } = await bridge.logged(/^call refused/, { reason: 'host-key-not-pinned' })
    expect(msg).toMatch(/none of the host keys that it is bound to; the HMAC of its secret is right for this key/)
    expect(hint).toMatch(/`trust\.hmac: replaces-pins`/)
    expect(await pinsOf(bridge)).toMatchObject([{ fingerprint: fingerprintOf(before) }])

    const from = bridge.lines.all.length
    await bridge.reload(configWith('replaces-pins'))
    await bridge.logged(/^link attached/, { provenBy: 'hmac' }, { from })
    await bridge.logged(
      /bound to another host key from now on/,
      { level: 'warn', deviceId: 'router1', hostKeyFingerprint: fingerprintOf(after), replaced: fingerprintOf(before) },
      { from },
    )
    expect(await pinsOf(bridge)).toMatchObject([{ fingerprint: fingerprintOf(after), by: 'hmac' }])
    const audit = JSON.parse((await askBridge(bridge, '/api/v1/audit?event=key-replaced')).body) as { lines?: unknown }
    expect(Object.values(audit).flat()).toContainEqual(
      expect.objectContaining({
        event: 'key-replaced',
        deviceId: 'router1',
        fingerprint: fingerprintOf(after),
        replaced: [fingerprintOf(before)],
      }),
    )
    const shown = await operate(bridge, 'audit', '--event', 'key-replaced')
    expect(shown.stdout).toMatch(/router1 .*host key replaced/)
  })

  it('that is bound by the configuration file stays refused, whatever the HMAC', async () => {
    const config = configWith('replaces-pins')
    const bridge = own(
      await startBridge({ ...config, devices: [{ id: 'router1', secret, 'host-keys': [before.publicKey] }] }),
    )
    await callHome(bridge, after)
    await bridge.logged(/^call refused/, { reason: 'host-key-not-pinned' })
    expect(bridge.lines.all.join('\n')).not.toContain('link attached')
  })
})
