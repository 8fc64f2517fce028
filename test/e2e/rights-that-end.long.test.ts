import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KeyRoom, makeKeyRoom } from '../ssh/ssh-keygen.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { type SshRun, startSsh } from './parts/clients.js'
import { type AttachedDevice, deviceLogin, startAttachedDevice } from './support/attached-device.js'
import { way } from './support/jump.js'
import { endAfterEach } from './support/resources.js'
import { login as loginTo } from './support/test-client.js'
import { ops, opsUser } from './support/users.js'

const own = endAfterEach()
const everything = { devices: ['*'], operations: ['*'] }
let room: KeyRoom
let attached: AttachedDevice
let config: Record<string, unknown>
let ssh: Record<string, unknown>
/** Those who may log in at the beginning of each test. */
let users: readonly Record<string, unknown>[]

beforeAll(async () => {
  room = await makeKeyRoom()
  const ca = await room.key('user_ca')
  ssh = { 'trusted-user-ca-keys': [`${ca.path}.pub`] }
  users = [
    opsUser(),
    { name: 'keyed', 'authorized-keys': [(await room.key('keyed')).line], roles: ['operator'] },
    { name: 'certified', roles: ['operator'] },
    opsUser({ name: 'lab', roles: ['lab'] }),
    opsUser({ name: 'watcher' }),
  ]
  config = {
    credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
    users,
    roles: { operator: everything, lab: { devices: ['lab-*'], operations: ['*'] } },
    endpoint: { ssh },
  }
  attached = await startAttachedDevice({ netconf: byteSubsystem.echo(), config })
  const { secret, hostKey } = attached
  config['devices'] = [{ id: 'router1', secret, 'host-keys': [hostKey.publicKey] }]
})
afterAll(async () => {
  await attached?.stop()
  await room?.remove()
})

/** Lets the configuration be what it was, after a test that changed it. */
const changed = async (change: Record<string, unknown>): Promise<void> => {
  own({ stop: () => attached.bridge.reload(config) })
  await attached.bridge.reload({ ...config, ...change })
}

/** A session of OpenSSH that has carried something. */
async function open(user: string, key?: string): Promise<SshRun> {
  const { host, endpointPort: port } = attached.bridge
  const proof = key === undefined ? { password: ops.password } : { key: { path: key } as never }
  const session = startSsh({ host, port, user: `${user}@router1`, ...proof })
  own({ stop: () => session.kill() })
  await session.write('hello')
  await session.output('hello')
  return session
}

describe('a session ends with its client’s right to it, and says why, when', () => {
  const without = (name: string) => users.filter((user) => user['name'] !== name)

  it.each<[string, string, () => Promise<Record<string, unknown>>, RegExp, string]>([
    [
      'its user is removed',
      'ops',
      async () => ({ users: without('ops') }),
      /the user "ops" was removed/,
      'user-removed',
    ],
    [
      'its key is taken from the user',
      'keyed',
      async () => ({ users: [...without('keyed'), opsUser({ name: 'keyed' })] }),
      /is not an authorized key of the user/,
      'login-withdrawn',
    ],
    [
      'its key is revoked',
      'keyed',
      async () => {
        const revoked = await room.write('revoked', `key: ${(await room.key('keyed')).line}\n`)
        return { endpoint: { ssh: { ...ssh, 'revoked-keys': [revoked] } } }
      },
      /is revoked/,
      'login-withdrawn',
    ],
    [
      'the CA of its certificate is not trusted any more',
      'certified',
      async () => ({ endpoint: { ssh: {} } }),
      /untrusted-ca/,
      'login-withdrawn',
    ],
    [
      'its role does not include the device any more',
      'ops',
      async () => ({ roles: { operator: { ...everything, devices: ['other-*'] }, lab: everything } }),
      /no role of user ops includes device router1/,
      'no-rights',
    ],
    [
      'rules on operations come for it',
      'ops',
      async () => ({ roles: { operator: { ...everything, operations: ['get'] }, lab: everything } }),
      /there are rules now on the operations of user "ops"/,
      'rules-changed',
    ],
  ])('%s', async (_when, user, change, why, reason) => {
    const key = user === 'ops' ? undefined : (await room.key(user)).path
    if (user === 'certified')
      await room.certify(await room.key('user_ca'), await room.key(user), ['-n', user, '-V', '-1m:+1h'])
    const session = await open(user, key)
    const from = attached.bridge.lines.all.length
    await changed(await change())
    const { status, stderr } = await session.ended()
    expect(stderr).toMatch(/^homeport: session ended: /)
    expect(stderr).toMatch(why)
    expect(status).toBe(1)
    await attached.bridge.logged(/^session ended/, { reason, user }, { from })
    await attached.bridge.logged(/^session closed/, { endedBy: 'rights', user }, { from })
  })

  it('its certificate expires', async () => {
    const key = await room.key('certified')
    await room.certify(await room.key('user_ca'), key, ['-n', 'certified', '-V', '-1m:+3s'])
    const { stderr, status } = await (await open('certified', key.path)).ended()
    expect([stderr, status]).toEqual([expect.stringMatching(/session ended: .*\(expired\)/), 1])
  })
})

it('sessions of others go on, and so does one whose user has got a new password or one more role', async () => {
  const watcher = await open('watcher')
  await changed({ users: [opsUser({ name: 'watcher', roles: ['operator', 'lab'] })] })
  await watcher.write('and on')
  await watcher.output('and on')
})

it('a connection without a session is closed when its user is removed', async () => {
  const client = await loginTo(attached.bridge, '', { username: 'ops' })
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()))
  await changed({ users: users.filter((user) => user['name'] !== 'ops') })
  await closed
})

describe('a jump', () => {
  it('ends when its user has no rights on the device any more', async () => {
    const outer = own(await loginTo(attached.bridge, '', { username: 'ops' }))
    const channel = await way(outer, 'router1')
    const closed = new Promise((resolve) => channel.once('close', resolve))
    channel.on('error', () => undefined).resume()
    await changed({ roles: { operator: { ...everything, devices: ['other-*'] }, lab: everything } })
    await closed
    await attached.bridge.logged(/^jump ended/, { reason: 'no-rights', deviceId: 'router1' })
  })

  it('is refused in the same words to a device of others and to none', async () => {
    const outer = own(await loginTo(attached.bridge, '', { username: 'lab' }))
    const told = await Promise.all(
      ['router1', 'router9'].map((host) =>
        way(outer, host).then(
          () => 'reached',
          (error: Error) => error.message.replaceAll(host, 'HOST'),
        ),
      ),
    )
    expect(told[0]).toBe(told[1])
    expect(told[0]).toContain('is no device here, or none that you have rights on')
    await attached.bridge.logged(/^jump refused: .*no role of user lab includes device router1/, { user: 'lab' })
  })

  it('counts before it is decided on', async () => {
    const outer = own(await loginTo(attached.bridge, '', { username: 'ops' }))
    const asked = await Promise.allSettled(Array.from({ length: 15 }, () => way(outer, 'router1')))
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
  })
})

it('a session at the device’s own way does not tell whose it is to those who have no rights on it', async () => {
  const { host, endpointPort: port } = attached.bridge
  const session = startSsh({ host, port, user: 'lab@router1', password: ops.password })
  const { stderr, status } = await session.ended()
  const other = startSsh({ host, port, user: 'lab@router9', password: ops.password })
  expect([stderr.replaceAll('router1', 'X'), status]).toEqual([
    (await other.ended()).stderr.replaceAll('router9', 'X'),
    1,
  ])
})
