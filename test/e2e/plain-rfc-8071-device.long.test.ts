import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fullSession, type Login, runNcclient, runParamiko, runPyez, runYangcli } from './parts/clients.js'
import { type Libnetconf2Device, startLibnetconf2Device } from './parts/libnetconf2-device.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { deviceLogin } from './support/attached-device.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { clientLogin } from './support/client-login.js'
import { opsUser } from './support/users.js'

/** Milliseconds after which libnetconf2 takes a connection without a session for dead. */
const sessionlessTimeout = 10_000

describe('a plain RFC 8071 device on libnetconf2, which calls home by itself', () => {
  let keys: TempDir
  let bridge: RunningBridge
  let device: Libnetconf2Device
  let login: Login

  beforeAll(async () => {
    keys = await makeTempDir('libnetconf2')
    const hostKey = await makeSshKey(keys.path, 'rsa')
    bridge = await startBridge({
      credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
      // Two sessions at once are more than a device on libnetconf2 gets by itself.
      devices: [{ id: 'switch1', 'host-keys': [hostKey.publicKey], 'max-sessions': 3 }],
      users: [opsUser(), opsUser({ name: 'yang', device: 'switch1' })],
    })
    device = await startLibnetconf2Device({
      bridge: { host: bridge.host, port: bridge.callHomePort },
      hostKey,
      login: deviceLogin,
    })
    await bridge.logged(/^link attached/, { deviceId: 'switch1' })
    login = clientLogin(bridge, 'switch1')
  })
  afterAll(async () => {
    await device?.stop()
    await bridge?.stop()
    await keys?.remove()
  })

  it('stays attached although no client is there', async () => {
    await device.log.match(/^session \d+/)
    const hungUp = device.log.match(/for too long, disconnecting/, { timeoutMs: sessionlessTimeout + 1_000 })
    await expect(hungUp).rejects.toThrow(/still waiting/)
    expect(bridge.log().filter(({ msg }) => msg.startsWith('link detached'))).toEqual([])
  })

  it.each(['default', 'junos'] as const)('ncclient, %s handler', async (handler) => {
    const { replies } = await runNcclient(login, { handler })
    expect(replies.map((reply) => reply.do)).toEqual(fullSession.map((step) => step.do))
    expect(replies.filter(({ error }) => error !== undefined)).toEqual([])
  })

  it('PyEZ', async () => {
    const { replies } = await runPyez(login)
    expect(replies.join()).toMatch(/<data/)
  })

  it('paramiko, with two sessions on one connection', async () => {
    const sessions = await runParamiko(login, { sessions: 2 })
    expect(new Set(sessions.map(({ sessionId }) => sessionId)).size).toBe(2)
  })

  it('yangcli', async () => {
    const { stdout } = await runYangcli({ ...login, user: 'yang' }, ['get-config source=running', 'close-session'])
    expect(stdout.toString()).toMatch(/RPC Data Reply \d+ for session \d+/)
  })
})
