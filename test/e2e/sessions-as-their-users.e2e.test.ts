import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { runSsh, startSsh } from './parts/clients.js'
import { makeSshKey, type SshKey } from './parts/ssh-keys.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { type AttachedDevice, deviceLogin, startAttachedDevice } from './support/attached-device.js'
import { type ListeningSshd, listeningSshd } from './support/certificate-peers.js'
import { clientLogin } from './support/client-login.js'
import { operate } from './support/homeport-command.js'
import { curl } from './support/curl.js'
import { endAfterEach } from './support/resources.js'
import { cheapPasswordHash } from './support/users.js'

const own = endAfterEach()
const password = 'pw-of-a-person'

describe('sessions on a device that knows its users by name', () => {
  let room: TempDir
  let ca: SshKey
  let sshd: ListeningSshd
  let attached: AttachedDevice

  /** The device's own SSH server, with accounts for noc1 and noc2, which trusts the user CA of the bridge. */
  const ownSshd = (hostKey: SshKey): Promise<ListeningSshd> =>
    listeningSshd({
      hostKeys: [hostKey],
      login: { user: 'noc1', authorizedKeys: [] },
      furtherUsers: ['noc2'],
      subsystems: { netconf: byteSubsystem.answers() },
      config: [`TrustedUserCAKeys ${ca.path}.pub`],
    })

  beforeAll(async () => {
    room = await makeTempDir('as-users')
    ca = await makeSshKey(room.path, 'ed25519', 'user_ca')
    const hostKey = await makeSshKey(room.path, 'ed25519', 'host_key')
    sshd = await ownSshd(hostKey)
    const user = (name: string) => ({ name, 'password-hash': cheapPasswordHash(password), roles: ['operator'] })
    attached = await startAttachedDevice({
      netconf: byteSubsystem.answers(),
      device: { hostKeys: [hostKey] },
      config: {
        credentials: {
          default: {
            username: deviceLogin.user,
            password: deviceLogin.password,
            'user-ca': ca.path,
            'per-user': true,
            'per-user-port': sshd.port,
          },
        },
        devices: [
          { id: 'router1', secret: 'secret-of-the-device', 'host-keys': [hostKey.publicKey], 'spare-channels': 1 },
        ],
        users: ['noc1', 'noc2', 'stranger', 'root', deviceLogin.user, 'a,noc1'].map(user),
        roles: { operator: { devices: ['*'], operations: ['*'], channels: ['netconf', 'exec'] } },
      },
    })
  })
  afterAll(async () => {
    await attached?.stop()
    await sshd?.stop()
    await room?.remove()
  })

  const as = (user: string) => clientLogin(attached.bridge, 'router1', { user, password })
  const whoAmI = (user: string) => runSsh(as(user), '', { ask: { exec: 'echo $USER' } })
  const get = (user: string, token: string) =>
    curl(
      '--user',
      `${user}:${password}`,
      '-H',
      'Content-Type: application/xml',
      '--data-binary',
      `<get xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><token>${token}</token></get>`,
      `${attached.bridge.httpUrl}/api/v1/devices/router1/rpc`,
    )
  /** What is over goes on to be logged for a moment. */
  const connections = (): number => sshd.log.all.filter((line) => line.startsWith('Connection from ')).length
  const logins = (user: string): number =>
    sshd.log.all.filter((line) => line.includes(`Accepted publickey for ${user} `)).length

  it('are those of the person, whom the log of the device names by the certificate', async () => {
    expect(await whoAmI('noc1')).toMatchObject({ status: 0, stdout: Buffer.from('noc1\n') })
    expect(await whoAmI('noc2')).toMatchObject({ status: 0, stdout: Buffer.from('noc2\n') })
    const line = await sshd.log.match(/Accepted publickey for noc1 .*-CERT.*/)
    expect(line).toMatch(/ID noc1 \(serial 0\) CA ED25519/)
  })

  it('speak NETCONF, with the hello of the device', async () => {
    const ssh = startSsh(as('noc1'))
    own({ stop: ssh.kill })
    await ssh.output('</hello>]]>]]>')
  })

  it('end on the device with the session, and leave the link as it is', async () => {
    const ssh = startSsh(as('noc1'), { ask: { exec: 'echo $$; exec cat' } })
    await ssh.output('\n')
    const pid = ssh.stdout().toString().trim()
    const from = attached.bridge.lines.all.length
    ssh.end()
    expect((await ssh.ended()).status).toBe(0)
    // The link has not ended, though the connection of the session has.
    const line = await attached.bridge.logged(/^session closed/, { user: 'noc1' }, { from })
    expect([line['endedBy'], line['exit'], line['linkEnd']]).toEqual(['device', { status: 0 }, undefined])
    await expect
      .poll(() =>
        readFile(`/proc/${pid}/stat`).then(
          () => true,
          () => false,
        ),
      )
      .toBe(false)
    expect((await whoAmI('noc2')).status).toBe(0)
    expect(attached.device.dials()).toBe(1)
  })

  it('are refused to whom the device has no account for, and told why', async () => {
    const { status, stderr } = await whoAmI('stranger')
    expect(status).toBe(1)
    expect(stderr).toMatch(
      /has no session for "stranger" as themselves: it did not let them in; the device needs an account/,
    )
    await attached.bridge.logged(/^session refused/, { reason: 'account-refused', user: 'stranger' })
    const { status: answer, body } = await get('stranger', 'x')
    expect(answer).toBe(502)
    expect(JSON.parse(body)).toMatchObject({
      type: 'urn:homeport:problem:refused-by-device',
      reason: 'account-refused',
      detail: expect.stringContaining('has no session for') as string,
    })
  })

  it.each([
    ['root', /nobody is logged in as root/],
    [deviceLogin.user, /that is the account of the bridge itself/],
    ['a,noc1', /the name has other characters/],
  ])('are refused to %s before the device is asked', async (user, answer) => {
    const before = connections()
    expect(before).toBeGreaterThan(0)
    const { status, stderr } = await whoAmI(user)
    expect([status, stderr]).toEqual([1, expect.stringMatching(answer)])
    expect(stderr).toMatch(/the device was not asked: log in to the bridge as a user whose name is that of a person/)
    expect(stderr).not.toContain('has to trust the user CA')
    expect(connections()).toBe(before)
  })

  it('are no fault to the doctor, who is nobody that a device has to know', async () => {
    const { stdout: lines } = await operate(attached.bridge, 'doctor', 'router1')
    const stdout = lines.replaceAll(/\s+/g, ' ')
    expect(stdout).toMatch(/it answers, and has no account for this command: .*has no session for "operator"/)
    expect(stdout).not.toMatch(/does not answer <get>/)
  })

  it('are shared over HTTP by the calls of one user alone', async () => {
    const before = { noc1: logins('noc1'), noc2: logins('noc2') }
    const answers = await Promise.all(['noc1', 'noc2', 'noc1', 'noc2'].map((user, at) => get(user, `of ${user} ${at}`)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    for (const [at, { body }] of answers.entries()) expect(body).toContain(`of noc${(at % 2) + 1} ${at}`)
    const { stdout } = await operate(attached.bridge, 'sessions', 'list', '--json')
    const { sessions } = JSON.parse(stdout) as { readonly sessions: readonly { readonly user: string }[] }
    const users = new Set(sessions.map(({ user }) => user))
    expect([...users].toSorted()).toEqual(['noc1', 'noc2'])
    for (const user of ['noc1', 'noc2'] as const)
      expect(logins(user) - before[user]).toBe(sessions.filter((one) => one.user === user).length)
  })

  it('are refused where another host key answers, and where the port is closed', async () => {
    const other = own(await ownSshd(await makeSshKey(room.path, 'ed25519', 'other_host_key')))
    const file = join(attached.bridge.directory, 'homeport.yaml')
    const before = await readFile(file, 'utf8')
    const at = async (port: number) => {
      await attached.bridge.reload(before.replace(`"per-user-port":${sshd.port}`, `"per-user-port":${port}`))
      return whoAmI('noc1')
    }
    expect((await at(other.port)).stderr).toMatch(
      /what answered at port \d+ of device "router1" is not proven to be it/,
    )
    expect(other.log.all.join('\n')).not.toContain('noc1')
    // Nothing is ever there: a port that has just been let go may be taken by somebody else at once.
    expect((await at(1)).stderr).toMatch(/could not connect to its own port/)
    expect((await at(sshd.port)).stdout.toString()).toBe('noc1\n')
  })
})
