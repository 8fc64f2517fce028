import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeFrame } from '../../src/netconf/framing/frame-encoder.js'
import type { Framing } from '../../src/netconf/framing/framing.js'
import { repliesIn } from '../northbound/ssh/support/guarded-conversation.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { boxConfig, type NcclientStep, runNcclient, runPyez, runSsh, startSsh } from './parts/clients.js'
import { startLibnetconf2Device } from './parts/libnetconf2-device.js'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { type AttachedDevice, deviceLogin, startAttachedDevice } from './support/attached-device.js'
import { startBridge } from './support/bridge.js'
import { clientLogin } from './support/client-login.js'
import { opsUser } from './support/users.js'

const ns = 'urn:ietf:params:xml:ns:netconf:base:1.0'
const roles = {
  operator: { devices: ['*'], operations: ['*'] },
  viewer: { devices: ['*'], operations: ['get', 'get-config:running'] },
  editor: { devices: ['*'], operations: ['*'], 'denied-operations': ['edit-config:running', 'kill-session'] },
}
const users = [opsUser(), opsUser({ name: 'eve', roles: ['viewer'] }), opsUser({ name: 'ed', roles: ['editor'] })]
const eve = { user: 'eve' }

const rpc = (id: number, content: string): string => `<rpc xmlns="${ns}" message-id="${id}">${content}</rpc>`
const getRunning = '<get-config><source><running/></source></get-config>'
const edit = (target: string): string =>
  `<edit-config><target><${target}/></target>${boxConfig('forbidden')}</edit-config>`
const helloFor = (framing: Framing): Buffer => {
  const base = (version: string): string => `<capability>urn:ietf:params:netconf:base:${version}</capability>`
  const capabilities = framing === 'chunked' ? base('1.0') + base('1.1') : base('1.0')
  return encodeFrame('end-of-message', `<hello xmlns="${ns}"><capabilities>${capabilities}</capabilities></hello>`)
}
const session = (framing: Framing, ...requests: readonly string[]): Buffer =>
  Buffer.concat([helloFor(framing), ...requests.map((request) => encodeFrame(framing, request))])

describe('a viewer on netconfd', () => {
  let netconfd: Netconfd
  let attached: AttachedDevice
  let directory: TempDir
  /** All bytes that the device’s NETCONF server was given, in all sessions. */
  const arrived = (): Promise<string> => readFile(join(directory.path, 'arrived'), 'utf8')

  beforeAll(async () => {
    directory = await makeTempDir('arrived')
    netconfd = await startNetconfd({ parameters: ['--log-level=debug2'] })
    const netconf = byteSubsystem.record(join(directory.path, 'arrived'), netconfd.subsystem)
    // The same for the command `netconf`, which Junos takes as well.
    const device = { config: ['MaxSessions 20', `ForceCommand ${netconf}`] }
    attached = await startAttachedDevice({ netconf, device, config: { users, roles } })
  })
  afterAll(async () => {
    await attached?.stop()
    await netconfd?.stop()
    await directory?.remove()
  })

  const expectNothingForbidden = async (): Promise<void> => {
    expect(await arrived()).not.toMatch(/edit-config|forbidden/)
    expect(netconfd.log.all.join('\n')).not.toContain('forbidden')
  }

  it('ncclient is answered by the device, and where a rule forbids it raises its RPCError', async () => {
    const steps: readonly NcclientStep[] = [
      { do: 'get-config', source: 'running' },
      { do: 'edit-config', target: 'candidate', config: boxConfig('forbidden') },
      { do: 'get-config', source: 'candidate' },
      { do: 'lock', target: 'running' },
      { do: 'get-config', source: 'running' },
      { do: 'close' },
    ]
    const direct = await runNcclient(clientLogin(attached.bridge, 'router1'), { steps: steps.slice(0, 1) })
    const { replies, capabilities } = await runNcclient(clientLogin(attached.bridge, 'router1', eve), { steps })
    const error = (operation: string) => ({
      tag: 'access-denied',
      message: `Homeport: ${operation} is not allowed to role viewer: no rule allows ${operation}`,
    })
    expect(replies).toEqual([
      { do: 'get-config', reply: expect.stringContaining('<data') },
      { do: 'edit-config', error: error('edit-config:candidate') },
      { do: 'get-config', error: error('get-config:candidate') },
      { do: 'lock', error: error('lock:running') },
      { do: 'get-config', reply: expect.stringContaining('<data') },
      { do: 'close', reply: expect.stringContaining('<ok') },
    ])
    expect(replies[0]).toEqual(direct.replies[0])
    expect(capabilities).toEqual(direct.capabilities)
    await attached.bridge.logged(/^operation denied: edit-config:candidate$/, {
      level: 'warn',
      user: 'eve',
      deviceId: 'router1',
      operation: 'edit-config',
      namespace: ns,
      datastore: 'candidate',
      reason: 'no rule allows edit-config:candidate',
    })
    await expectNothingForbidden()
  })

  it.each(['end-of-message', 'chunked'] as const)(
    'OpenSSH pipelines 50 requests, %s: every reply and every refusal comes in its place',
    async (framing) => {
      const ids = Array.from({ length: 50 }, (_, at) => at + 1)
      const requests = ids.map((id) => rpc(id, id % 3 === 0 ? edit('candidate') : getRunning))
      const { stdout, status } = await runSsh(
        clientLogin(attached.bridge, 'router1', eve),
        session(framing, ...requests, rpc(51, '<close-session/>')),
      )
      expect(repliesIn(stdout, framing)).toEqual([
        ...ids.map((id) => (id % 3 === 0 ? `access-denied ${id}` : `data ${id}`)),
        'ok 51',
      ])
      expect(status).toBe(0)
      await expectNothingForbidden()
      await attached.bridge.logged(/^operation denied/, { operation: 'edit-config', user: 'eve' })
    },
  )

  it.each(['end-of-message', 'chunked'] as const)(
    'what nobody can judge ends the session, %s, after the replies to what came before',
    async (framing) => {
      const requests = [
        rpc(1, getRunning),
        rpc(2, edit('running')),
        `<!DOCTYPE rpc>${rpc(3, '<forbidden/>')}`,
        rpc(4, getRunning),
      ]
      const { stdout, stderr, status } = await runSsh(
        clientLogin(attached.bridge, 'router1', eve),
        session(framing, ...requests),
      )
      const tag = framing === 'chunked' ? 'malformed-message' : 'operation-failed'
      expect(repliesIn(stdout, framing)).toEqual(['data 1', 'access-denied 2', tag])
      expect(stderr).toMatch(/^homeport: session ended: .*DOCTYPE.*\n$/)
      expect(status).toBe(1)
      await attached.bridge.logged(/^session ended/, { user: 'eve', reason: 'malformed-request' })
      await expectNothingForbidden()
    },
  )

  it('the command `netconf` is under the same rules', async () => {
    const { stdout } = await runSsh(
      clientLogin(attached.bridge, 'router1', eve),
      session('chunked', rpc(1, edit('running')), rpc(2, '<close-session/>')),
      { ask: { exec: 'netconf' } },
    )
    expect(repliesIn(stdout, 'chunked')).toEqual(['access-denied 1', 'ok 2'])
    await attached.bridge.logged(/^session opened/, { user: 'eve', request: 'netconf', channel: 'netconf' })
    await expectNothingForbidden()
  })

  it('a reload counts for the next request of a session that is open', async () => {
    const ssh = startSsh(clientLogin(attached.bridge, 'router1', eve))
    await ssh.write(session('end-of-message', rpc(1, getRunning)))
    await ssh.output('message-id="1"')
    const config = {
      credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
      devices: [{ id: 'router1', secret: attached.secret, 'host-keys': [attached.hostKey.publicKey] }],
      users,
    }
    await attached.bridge.reload({ ...config, roles: { ...roles, viewer: { devices: ['*'], operations: ['get'] } } })
    await ssh.write(encodeFrame('end-of-message', rpc(2, getRunning)))
    await ssh.output('access-denied')
    await attached.bridge.reload({ ...config, roles })
    await ssh.write(session('end-of-message', rpc(3, getRunning)).subarray(helloFor('end-of-message').length))
    await ssh.output('message-id="3"')
    await ssh.write(encodeFrame('end-of-message', rpc(4, '<close-session/>')))
    const { stdout, status } = await ssh.ended()
    expect(repliesIn(stdout, 'end-of-message')).toEqual(['data 1', 'access-denied 2', 'data 3', 'ok 4'])
    expect(status).toBe(0)
  })

  it('an editor who may do all but one thing does all but that', async () => {
    const { replies } = await runNcclient(clientLogin(attached.bridge, 'router1', { user: 'ed' }), {
      steps: [
        { do: 'lock', target: 'candidate' },
        { do: 'edit-config', target: 'candidate', config: boxConfig('by-ed') },
        { do: 'edit-config', target: 'running', config: boxConfig('forbidden') },
        { do: 'commit' },
        { do: 'unlock', target: 'candidate' },
        { do: 'kill-session', sessionId: '1' },
        { do: 'close' },
      ],
    })
    expect(replies.map(({ error }) => error?.tag)).toEqual([
      undefined,
      undefined,
      'access-denied',
      undefined,
      undefined,
      'access-denied',
      undefined,
    ])
    expect(await arrived()).toContain('by-ed')
    expect(await arrived()).not.toContain('forbidden')
  })
})

describe('a viewer on libnetconf2', () => {
  it('is answered by the device, and where a rule forbids it by the bridge', async () => {
    const keys = await makeTempDir('libnetconf2')
    const hostKey = await makeSshKey(keys.path, 'rsa')
    const bridge = await startBridge({
      credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
      devices: [{ id: 'switch1', 'host-keys': [hostKey.publicKey] }],
      users,
      roles,
    })
    const device = await startLibnetconf2Device({
      bridge: { host: bridge.host, port: bridge.callHomePort },
      hostKey,
      login: deviceLogin,
    })
    try {
      await bridge.logged(/^link attached/, { deviceId: 'switch1' })
      const { replies } = await runNcclient(clientLogin(bridge, 'switch1', eve), {
        steps: [
          { do: 'get-config', source: 'running' },
          { do: 'edit-config', target: 'running', config: boxConfig('forbidden') },
          { do: 'get-config', source: 'running' },
          { do: 'close' },
        ],
      })
      expect(replies.map(({ error }) => error?.tag)).toEqual([undefined, 'access-denied', undefined, undefined])
      expect(replies[2]?.reply).toContain('libnetconf2')
      expect((await runPyez(clientLogin(bridge, 'switch1', eve))).replies.join()).toMatch(/<data/)
      await expect(
        runPyez(clientLogin(bridge, 'switch1', eve), { requests: ['<lock-configuration/>'] }),
      ).rejects.toThrow(/lock-configuration is not allowed to role viewer/)
    } finally {
      await device.stop()
      await bridge.stop()
      await keys.remove()
    }
  })
})
