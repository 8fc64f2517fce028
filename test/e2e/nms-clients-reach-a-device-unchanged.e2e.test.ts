import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fullSession, type Login, runNcclient, runParamiko, runYangcli, startSsh } from './parts/clients.js'
import { startCrossover } from './parts/crossover.js'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir } from './parts/temp-dir.js'
import { type AttachedDevice, deviceLogin, startAttachedDevice } from './support/attached-device.js'
import { clientLogin } from './support/client-login.js'
import { opsUser } from './support/users.js'

const base = 'urn:ietf:params:xml:ns:netconf:base:1.0'
const hello = `<hello xmlns="${base}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>`

describe('real NMS clients and a real NETCONF server behind sshd', () => {
  let netconfd: Netconfd
  let attached: AttachedDevice
  let login: Login

  beforeAll(async () => {
    netconfd = await startNetconfd()
    attached = await startAttachedDevice({
      netconf: netconfd.subsystem,
      config: { users: [opsUser(), opsUser({ name: 'yang', device: 'router1' })] },
    })
    login = clientLogin(attached.bridge, 'router1')
  })
  afterAll(async () => {
    await attached?.stop()
    await netconfd?.stop()
  })

  it('ncclient: connect, get-config, lock, edit-config, commit, unlock, close give the replies of a direct run', async () => {
    // The same sshd and the same server, fresh as well, at the far side of a crossover cable instead of the bridge.
    const keys = await makeTempDir('direct')
    const [crossover, ownNetconfd] = await Promise.all([startCrossover(), startNetconfd()])
    const direct = await startSshdDevice({
      deviceId: 'direct',
      bridge: crossover.deviceSide,
      preamble: 'none',
      hostKeys: [await makeSshKey(keys.path, 'ed25519')],
      login: deviceLogin,
      subsystems: { netconf: ownNetconfd.subsystem },
    })
    try {
      const through = await runNcclient(login)
      const straight = await runNcclient({ ...crossover.clientSide, ...deviceLogin })
      expect(through.replies).toEqual(straight.replies)
      expect(through.capabilities).toEqual(straight.capabilities)
      expect(through.replies.map((reply) => reply.do)).toEqual(fullSession.map((step) => step.do))
      expect(through.replies.filter(({ error }) => error !== undefined)).toEqual([])
    } finally {
      await direct.stop()
      await ownNetconfd.stop()
      await crossover.stop()
      await keys.remove()
    }
  })

  it('OpenSSH `ssh -s … netconf`', async () => {
    await expectHello(login)
  })

  it('OpenSSH with an authorized key and no password', async () => {
    const keys = await makeTempDir('client-key')
    const key = await makeSshKey(keys.path, 'rsa')
    await attached.bridge.reload({
      credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
      devices: [{ id: 'router1', secret: attached.secret, 'host-keys': [attached.hostKey.publicKey] }],
      users: [opsUser({ 'authorized-keys': [key.publicKey] }), opsUser({ name: 'yang', device: 'router1' })],
    })
    const { host, port, user } = login
    await expectHello({ host, port, user, key })
    await keys.remove()
  })

  it('paramiko, with four sessions on one connection', async () => {
    const sessions = await runParamiko(login, { sessions: 4 })
    expect(new Set(sessions.map(({ sessionId }) => sessionId)).size).toBe(4)
    for (const { replies } of sessions) expect(replies.join()).toMatch(/<data/)
  })

  it('yangcli, which cannot send an @, by a user who has a device', async () => {
    const { stdout } = await runYangcli({ ...login, user: 'yang' }, ['get-config source=running', 'close-session'])
    expect(stdout.toString()).toMatch(/RPC Data Reply \d+ for session \d+:[^]*nacm/)
    await attached.bridge.logged(/^session closed/, { user: 'yang', deviceId: 'router1' })
  })
})

/** Runs a session by hand up to the device's own hello, and closes it. */
async function expectHello(login: Login): Promise<void> {
  const ssh = startSsh(login)
  await ssh.write(hello)
  await ssh.output('</hello>]]>]]>')
  await ssh.write(`<rpc message-id="1" xmlns="${base}"><close-session/></rpc>]]>]]>`)
  const { stdout, status } = await ssh.ended()
  expect(stdout.toString()).toMatch(/<session-id>\d+<\/session-id>[^]*<ok\/>/)
  expect(status).toBe(0)
}
