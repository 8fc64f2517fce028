import { execFile } from 'node:child_process'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KeyPair, type KeyRoom, makeKeyRoom } from '../ssh/ssh-keygen.js'
import { startSshAgent } from './parts/ssh-agent.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { startNetconfd } from './parts/netconfd.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { endAfterEach } from './support/resources.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()
let room: KeyRoom
let userCa: KeyPair
let hostCa: KeyPair
let attached: AttachedDevice

type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string }

/** OpenSSH with a key and the certificate beside it, and nothing else. */
function ssh(
  key: KeyPair,
  options: readonly string[] = [],
  user = 'ops@router1',
  ask = ['-s', attached.bridge.host, 'netconf'],
): Promise<Ended> {
  const { bridge } = attached
  const words = ['-F', 'none', '-p', String(bridge.endpointPort), '-i', key.path]
  const settings = ['IdentitiesOnly=yes', 'BatchMode=yes', 'LogLevel=ERROR', ...options]
  return new Promise((resolve) => {
    const child = execFile(
      'ssh',
      [...words, ...settings.flatMap((setting) => ['-o', setting]), '-l', user, ...ask],
      { timeout: 20_000 },
      (_error, stdout, stderr) => resolve({ status: child.exitCode, stdout, stderr }),
    )
    child.stdin?.end('echo')
  })
}
const anyHost = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null']

beforeAll(async () => {
  room = await makeKeyRoom()
  userCa = await room.key('user_ca')
  hostCa = await room.key('host_ca')
  const endpointKey = await room.key('endpoint')
  await room.certify(hostCa, endpointKey, ['-h', '-n', 'bridge.example,router1', '-V', '-1m:+1h'])
  const revoked = await room.write('revoked', `serial: 66\nkey: ${(await room.key('revoked')).line}\n`)
  attached = await startAttachedDevice({
    netconf: byteSubsystem.echo(),
    config: {
      users: [
        opsUser({ 'authorized-keys': [(await room.key('revoked')).line] }),
        opsUser({ name: 'automation', principals: ['ansible', 'ci'] }),
      ],
      roles: { operator: { devices: ['*'], operations: ['*'], channels: ['netconf', 'exec', 'shell'] } },
      endpoint: {
        ssh: {
          'host-keys': [endpointKey.path],
          'host-certificates': [`${endpointKey.path}-cert.pub`],
          'trusted-user-ca-keys': [`${userCa.path}.pub`],
          'revoked-keys': [revoked],
        },
      },
    },
  })
})
afterAll(async () => {
  await attached?.stop()
  await room?.remove()
})

describe('a user’s certificate on the bridge', () => {
  it.each([
    ['ed25519', 'ops', 'ops@router1'],
    ['ecdsa-256', 'ops', 'ops@router1'],
    ['rsa', 'ops', 'ops@router1'],
    ['ed25519', 'somebody,ci', 'automation@router1'],
  ] as const)('of an %s key for the principals %s lets %s in', async (kind, principals, user) => {
    const key = await room.key(`user-${principals}`, kind)
    await room.certify(userCa, key, ['-n', principals, '-V', '-1m:+1h'])
    expect(await ssh(key, anyHost, user)).toMatchObject({ stdout: 'echo', status: 0 })
  })

  it.each<[string, readonly string[], string]>([
    ['has expired', ['-n', 'ops', '-V', '-2h:-1h'], 'expired'],
    ['is not yet valid', ['-n', 'ops', '-V', '+1h:+2h'], 'not-yet-valid'],
    ['is for another user', ['-n', 'netops', '-V', '-1m:+1h'], 'wrong-principal'],
    ['has no principals', ['-V', '-1m:+1h'], 'no-principals'],
    ['is a host certificate', ['-h', '-n', 'ops', '-V', '-1m:+1h'], 'wrong-role'],
    [
      'is for use from elsewhere',
      ['-n', 'ops', '-V', '-1m:+1h', '-O', 'source-address=192.0.2.0/24'],
      'wrong-source-address',
    ],
    ['forces another command', ['-n', 'ops', '-V', '-1m:+1h', '-O', 'force-command=/bin/sh'], 'forced-command'],
    [
      'has an unknown critical option',
      ['-n', 'ops', '-V', '-1m:+1h', '-O', 'critical:new@example.com=1'],
      'unknown-critical-option',
    ],
    ['has a revoked serial', ['-n', 'ops', '-V', '-1m:+1h', '-z', '66'], 'revoked'],
  ])('that %s does not', async (name, options, reason) => {
    const key = await room.key(`refused-${name.replaceAll(' ', '-')}`)
    await room.certify(userCa, key, options)
    const from = attached.bridge.lines.all.length
    const { stderr, status } = await ssh(key, anyHost)
    expect(status).toBe(255)
    // ssh itself does not offer a host certificate; then the plain key is what is refused.
    if (reason !== 'wrong-role') {
      expect(stderr).toMatch(/Permission denied/)
      await attached.bridge.logged(
        new RegExp(`^authentication failed: the certificate is refused \\(${reason}\\)`),
        {},
        { from },
      )
    }
  })

  it('by another CA does not', async () => {
    const key = await room.key('foreign')
    await room.certify(await room.key('foreign_ca'), key, ['-n', 'ops', '-V', '-1m:+1h'])
    const from = attached.bridge.lines.all.length
    expect((await ssh(key, anyHost)).status).toBe(255)
    await attached.bridge.logged(/^authentication failed: the certificate is refused \(untrusted-ca\)/, {}, { from })
  })

  it('without its private key does not', async () => {
    const [mine, hers] = [await room.key('mine'), await room.key('hers')]
    await room.certify(userCa, hers, ['-n', 'ops', '-V', '-1m:+1h'])
    await copyFile(`${hers.path}-cert.pub`, `${mine.path}-cert.pub`)
    expect((await ssh(mine, anyHost)).status).toBe(255)
  })

  it('that forces netconf, from an address that it allows, lets its user in', async () => {
    const key = await room.key('forced')
    const options = ['-O', 'force-command=netconf', '-O', 'source-address=127.0.0.0/8']
    await room.certify(userCa, key, ['-n', 'ops', '-V', '-1m:+1h', ...options])
    expect((await ssh(key, anyHost)).status).toBe(0)
  })

  it('that forces netconf gives NETCONF alone, whatever the roles of its user allow', async () => {
    const key = await room.key('forced-alone')
    await room.certify(userCa, key, ['-n', 'ops', '-V', '-1m:+1h', '-O', 'force-command=netconf'])
    const { stderr, status } = await ssh(key, anyHost, 'ops@router1', [attached.bridge.host, 'true'])
    expect(stderr).toMatch(
      /^homeport: the key or certificate of this login is for NETCONF only \(command=, force-command\); .+\n$/,
    )
    expect(status).toBe(1)
    expect((await ssh(key, anyHost)).status).toBe(0)
  })

  it.each<[string, readonly string[], RegExp, number]>([
    ['permits a terminal', [], /^$/, 0],
    ['permits no terminal', ['-O', 'no-pty'], /^PTY allocation request failed/, 255],
  ])('that %s is obeyed', async (name, options, told, ended) => {
    const key = await room.key(name.replaceAll(' ', '-'))
    await room.certify(userCa, key, ['-n', 'ops', '-V', '-1m:+1h', ...options])
    const { stderr, status } = await ssh(key, anyHost, 'ops@router1', ['-tt', attached.bridge.host, 'tty'])
    expect(stderr).toMatch(told)
    expect(status).toBe(ended)
  })

  it('without permit-port-forwarding is no way through the bridge as a jump host', async () => {
    const through = (key: KeyPair): Promise<Ended> =>
      ssh(key, anyHost, 'ops', ['-W', 'router1:830', attached.bridge.host])
    const key = await room.key('no-way-through')
    await room.certify(userCa, key, ['-n', 'ops', '-V', '-1m:+1h', '-O', 'no-port-forwarding'])
    expect((await through(key)).status).toBe(255)
    await attached.bridge.logged(/^jump refused/, { reason: 'no-forwarding', user: 'ops' })
    const other = await room.key('way-through')
    await room.certify(userCa, other, ['-n', 'ops', '-V', '-1m:+1h'])
    expect((await through(other)).stdout).toMatch(/^SSH-2\.0-Homeport/)
  })

  it('a revoked authorized key does not let its user in', async () => {
    const from = attached.bridge.lines.all.length
    expect((await ssh(await room.key('revoked'), anyHost)).status).toBe(255)
    await attached.bridge.logged(/^authentication failed: .* is revoked/, {}, { from })
  })

  it('ncclient logs in with a certificate from an ssh-agent', async () => {
    const netconfd = own(await startNetconfd())
    const real = own(
      await startAttachedDevice({
        netconf: netconfd.subsystem,
        config: { endpoint: { ssh: { 'trusted-user-ca-keys': [`${userCa.path}.pub`] } } },
      }),
    )
    const key = await room.key('agent-user')
    await room.certify(userCa, key, ['-n', 'ops', '-V', '-1m:+1h'])
    const agent = own(await startSshAgent(join(room.directory, 'user-agent')))
    await agent.add(key.path)
    const environment = { ...process.env, SSH_AUTH_SOCK: agent.socket, HOME: room.directory }
    const script = [
      'from ncclient import manager',
      `m = manager.connect(host="${real.bridge.host}", port=${real.bridge.endpointPort}, username="ops@router1", hostkey_verify=False, look_for_keys=False)`,
      'print(m.session_id)',
    ].join('\n')
    const { stdout } = await promisify(execFile)('/usr/bin/python3', ['-c', script], {
      env: environment,
      timeout: 30_000,
    })
    expect(stdout.trim()).toMatch(/^\d+$/)
    const login = await real.bridge.logged(/^client authenticated/, { user: 'ops' })
    expect(login['method']).toBe('publickey')
  })
})

describe('the bridge’s own host certificate', () => {
  it('is all that a client needs which trusts nothing but a @cert-authority', async () => {
    const key = await room.key('trusting')
    await room.certify(userCa, key, ['-n', 'ops', '-V', '-1m:+1h'])
    const file = await room.write('known_hosts', `@cert-authority * ${hostCa.line}\n`)
    const strict = ['StrictHostKeyChecking=yes', `UserKnownHostsFile=${file}`, 'GlobalKnownHostsFile=/dev/null']
    expect(await ssh(key, [...strict, 'HostKeyAlias=router1'])).toMatchObject({ stdout: 'echo', status: 0 })
    const { status, stderr } = await ssh(key, [...strict, 'HostKeyAlias=router2'])
    expect(stderr).toMatch(/not a listed principal|No ED25519 host key is known|Host key verification failed/)
    expect(status).toBe(255)
  })

  it('leaves the plain key to clients that know no certificates', async () => {
    const { stdout } = await promisify(execFile)('ssh-keyscan', [
      '-p',
      String(attached.bridge.endpointPort),
      attached.bridge.host,
    ])
    expect(stdout).toContain((await room.key('endpoint')).line.split(' ').slice(0, 2).join(' '))
  })
})
