import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { makeSshKey, type SshKey } from './parts/ssh-keys.js'
import { type SshdDevice, startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { type RunningBridge, startBridge } from './support/bridge.js'

const run = promisify(execFile)
const USER = 'netconf'

/** Why a device refuses the bridge, what it is refused with, and what the log has to say of it. */
interface Cause {
  readonly credentials: 'certificate' | 'key' | 'password'
  /** How the certificate is signed; in all other respects it would do. */
  readonly signing?: readonly string[]
  readonly device: { readonly authorised?: true; readonly password?: string; readonly locked?: true }
  readonly config?: readonly string[]
  readonly message: RegExp
  readonly hint: RegExp
}

const CERTIFICATE = / \(certificate "bridge" for "[\w-]+", valid from \S+Z until \S+Z, signed by SHA256:\S+\)/
const GOOD = ['-n', USER, '-V', '-1m:+1h']

const CAUSES: Readonly<Record<string, Cause>> = {
  'a certificate for another principal': {
    credentials: 'certificate',
    signing: ['-n', 'somebody-else', '-V', '-1m:+1h'],
    device: {},
    message: CERTIFICATE,
    hint: /^the certificate "bridge" is not for "netconf": sign it for that name, or list one of its principals/,
  },
  'a certificate that has expired': {
    credentials: 'certificate',
    signing: ['-n', USER, '-V', '-2h:-1h'],
    device: {},
    message: CERTIFICATE,
    hint: /^the certificate "bridge" has expired: sign the key again/,
  },
  'a certificate that is not valid yet': {
    credentials: 'certificate',
    signing: ['-n', USER, '-V', '+1h:+2h'],
    device: {},
    message: CERTIFICATE,
    hint: /^the certificate "bridge" is not valid yet: compare the clocks/,
  },
  'a certificate of a CA that it does not know': {
    credentials: 'certificate',
    signing: GOOD,
    device: {},
    config: ['TrustedUserCAKeys none'],
    message: CERTIFICATE,
    hint: /^the device does not say why.+\(1\) that the account.+\(2\) that it trusts the CA.+its clock.+\(3\) that the key/,
  },
  'a key that is not installed': {
    credentials: 'key',
    device: {},
    message: /offered were publickey ssh-ed25519 SHA256:\S+\)$/,
    hint: /\(1\) that the account "netconf" is there.+ \(2\) that the key is among the authorized keys/,
  },
  'a locked account': {
    credentials: 'key',
    device: { authorised: true, locked: true },
    message: /it refused all that was offered/,
    hint: /\(1\) that the account "netconf" is there.+neither locked nor expired/,
  },
  'a wrong password': {
    credentials: 'password',
    device: { password: 'another-password' },
    message: /as "netconf"; it asks for password; offered were password\)$/,
    hint: /\(2\) that the password is right and has not expired/,
  },
  'a key where it takes passwords alone': {
    credentials: 'key',
    device: { password: 'another-password' },
    message: /it takes nothing of what there is \(as "netconf"; it asks for password; offered were publickey .+\)$/,
    hint: /^it takes password alone, and `credentials` have a key: give the one, or allow the other on the device$/,
  },
}

describe('a device that refuses the login is told of with what was offered, and where to look', () => {
  let room: TempDir
  let bridge: RunningBridge
  const devices: SshdDevice[] = []
  const names = Object.keys(CAUSES)
  const idOf = (name: string): string => `router${names.indexOf(name)}`

  beforeAll(async () => {
    room = await makeTempDir('why-a-login-failed')
    const [hostKey, ca, ...keys] = await Promise.all(
      ['host', 'ca', ...names.map(idOf)].map((name) => makeSshKey(room.path, 'ed25519', name)),
    )
    const keyOf = (name: string): SshKey => keys[names.indexOf(name)] as SshKey
    await Promise.all(
      Object.entries(CAUSES).map(async ([name, { signing }]) => {
        if (signing !== undefined)
          await run('ssh-keygen', ['-q', '-s', ca?.path ?? '', '-I', 'bridge', ...signing, `${keyOf(name).path}.pub`])
      }),
    )
    bridge = await startBridge({
      credentials: Object.fromEntries(
        Object.entries(CAUSES).map(([name, { credentials }]) => {
          const { path } = keyOf(name)
          const key = { 'private-key': path }
          const parts = {
            certificate: { ...key, certificate: `${path}-cert.pub` },
            key,
            password: { password: 'pw-of-the-bridge' },
          }
          return [idOf(name), { username: USER, ...parts[credentials] }]
        }),
      ),
      devices: names.map((name) => ({ id: idOf(name), 'host-keys': [hostKey?.publicKey], credentials: idOf(name) })),
    })
    for (const [name, { device, config = [] }] of Object.entries(CAUSES)) {
      const { authorised, password, locked } = device
      devices.push(
        await startSshdDevice({
          deviceId: idOf(name),
          bridge: { host: bridge.host, port: bridge.callHomePort },
          hostKeys: [hostKey as SshKey],
          login: {
            user: USER,
            ...(password === undefined ? { authorizedKeys: authorised ? [keyOf(name).publicKey] : [] } : { password }),
            ...(locked === undefined ? {} : { locked }),
          },
          subsystems: { netconf: byteSubsystem.echo() },
          config: [...config, `TrustedUserCAKeys ${ca?.path}.pub`],
          redialDelay: 'never',
        }),
      )
    }
  })
  afterAll(async () => {
    await Promise.all(devices.map((device) => device.stop()))
    await bridge?.stop()
    await room?.remove()
  })

  it.each(Object.entries(CAUSES))('%s', async (name, { message, hint }) => {
    const refusal = await bridge.logged(/^call refused/, { claimed: idOf(name), reason: 'login-failed' })
    expect(refusal.msg).toMatch(message)
    expect(refusal.msg).toContain('as "netconf"')
    expect(refusal['hint']).toMatch(hint)
    expect(bridge.lines.all.join('\n')).not.toContain('pw-of-the-bridge')
  })

  it('and a certificate that cannot be used is warned of at the start', async () => {
    const told = bridge.lines.all.filter((line) => /credentials\.router\d\.certificate: the certificate/.test(line))
    expect(told.map((line) => /bridge\\?" (expires in|has expired|is not valid)/.exec(line)?.[1])).toEqual(
      expect.arrayContaining(['has expired', 'is not valid', 'expires in']),
    )
  })
})
