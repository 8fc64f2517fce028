import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runNcclient, startSsh } from './parts/clients.js'
import { type Libnetconf2Device, startLibnetconf2Device } from './parts/libnetconf2-device.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { deviceLogin } from './support/attached-device.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { clientLogin } from './support/client-login.js'
import { operate } from './support/homeport-command.js'
import { opsUser } from './support/users.js'

describe('a libnetconf2 device, which never closes the channel of a client that hung up before its hello', () => {
  let keys: TempDir
  let bridge: RunningBridge
  let device: Libnetconf2Device

  beforeAll(async () => {
    keys = await makeTempDir('libnetconf2')
    const hostKey = await makeSshKey(keys.path, 'rsa')
    bridge = await startBridge({
      credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
      devices: [{ id: 'switch1', 'host-keys': [hostKey.publicKey] }],
      users: [opsUser()],
      link: { 'channel-close-timeout': '500ms' },
    })
    device = await startLibnetconf2Device({
      bridge: { host: bridge.host, port: bridge.callHomePort },
      hostKey,
      login: deviceLogin,
    })
    await bridge.logged(/^link attached/, { deviceId: 'switch1' })
  })
  afterAll(async () => {
    await device?.stop()
    await bridge?.stop()
    await keys?.remove()
  })

  it('gets one session at a time, and the log says so', async () => {
    await bridge.logged(/^the device gets one session at a time/, { deviceId: 'switch1', mostSessions: 1 })
    const { stdout } = await operate(bridge, 'devices', 'show', 'switch1')
    expect(stdout).toMatch(/^at most +1 session$/m)
    expect(stdout).toMatch(/^held session +open$/m)
  })

  it('serves a crowd of clients one after the other, without losing its link or a session', async () => {
    const hello =
      '<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>'
    const close = '<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="7"><close-session/></rpc>]]>]]>'
    const oneClient = async (): Promise<void> => {
      for (let round = 0; round < 15; round += 1) {
        const ssh = startSsh(clientLogin(bridge, 'switch1'))
        await ssh.write(hello)
        await ssh.output('</hello>')
        await ssh.write(close)
        await ssh.output('message-id="7"')
        await ssh.ended()
      }
    }
    await Promise.all(Array.from({ length: 4 }, oneClient))
    expect(bridge.log().filter(({ msg }) => /^link (detached|replaced)|refused/.test(msg))).toEqual([])
  }, 60_000)

  it('serves every client all the same: each place that is not given back is taken back', async () => {
    for (let round = 0; round < 10; round += 1) {
      const ssh = startSsh(clientLogin(bridge, 'switch1'))
      await ssh.output('</hello>')
      await ssh.kill()
    }
    const { replies } = await runNcclient(clientLogin(bridge, 'switch1'))
    expect(replies.filter(({ error }) => error !== undefined)).toEqual([])
    await bridge.logged(/^the device did not close a channel/, { deviceId: 'switch1', lost: 10 })
    const { stdout } = await operate(bridge, 'devices', 'show', 'switch1')
    expect(stdout).toMatch(/^unanswered +10 channels on this link$/m)
    expect(bridge.log().filter(({ msg }) => /^link (detached|replaced)|refused/.test(msg))).toEqual([])
  }, 60_000)
})
