import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KeyType } from '../../e2e/parts/ssh-keys.js'
import { makeAccounts } from '../parts/accounts.js'
import { versionOf } from '../parts/debian-version.js'
import { acceptedKeys } from '../parts/login-means.js'
import { directoryInOpenSsh10, theOpenSsh10, versionOfOpenSsh10 } from '../parts/openssh-10.js'
import { REKEY, STATUS } from '../parts/pattern.js'
import { DEVICE_USERS, type DevicePeer, type DeviceSetup, type Purpose, type RunningDevice } from './device-peer.js'
import { programs } from './ways-to-serve.js'

/** What a subsystem or a forced command of a device is. */
export const ECHO = `cat; exit ${STATUS}`

/** OpenSSH's `sshd -i`, with lines of sshd_config that restrict its algorithms. */
function sshd(
  name: string,
  { lines = [], hostKey = 'ed25519' }: { lines?: readonly string[]; hostKey?: KeyType } = {},
) {
  return {
    name,
    version: () => versionOf('openssh-server'),
    hostKey,
    start: (setup) => startSshd(setup, lines),
  } satisfies DevicePeer
}

export const opensshDevices: readonly DevicePeer[] = [
  sshd("OpenSSH's `sshd`"),
  {
    name: "OpenSSH 10's `sshd`",
    version: versionOfOpenSsh10,
    directory: directoryInOpenSsh10,
    start: startSshd10,
  },
  sshd("OpenSSH's `sshd` with `chacha20-poly1305`", {
    lines: ['Ciphers chacha20-poly1305@openssh.com', 'KexAlgorithms curve25519-sha256'],
  }),
  sshd("OpenSSH's `sshd` with `aes256-ctr`, `hmac-sha2-512`, ECDSA and NIST curves", {
    lines: ['Ciphers aes256-ctr', 'MACs hmac-sha2-512', 'KexAlgorithms ecdh-sha2-nistp521'],
    hostKey: 'ecdsa',
  }),
  sshd("OpenSSH's `sshd` with `aes128-ctr`, `hmac-sha2-256-etm`, RSA and group 14", {
    lines: [
      'Ciphers aes128-ctr',
      'MACs hmac-sha2-256-etm@openssh.com',
      'KexAlgorithms diffie-hellman-group14-sha256',
      'HostKeyAlgorithms rsa-sha2-256',
    ],
    hostKey: 'rsa',
  }),
]

async function startSshd({ directory, hostKey, means }: DeviceSetup, lines: readonly string[]): Promise<RunningDevice> {
  const file = (name: string): string => join(directory, name)
  const users = [...new Set(Object.values(DEVICE_USERS))]
  const { environment, home } = await makeAccounts({
    directory,
    users,
    password: means.password,
    authorizedKeys: acceptedKeys(means),
    preload: ['libpam_wrapper.so'],
  })
  await mkdir(file('pam.d'))
  const pamMatrix = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/pam_wrapper/pam_matrix.so`
  const kinds = ['auth', 'account', 'password', 'session']
  await writeFile(
    file('pam.d/sshd'),
    kinds.map((kind) => `${kind} required ${pamMatrix} passdb=${file('passdb')}\n`).join(''),
  )
  await writeFile(file('passdb'), users.map((user) => `${user}:${means.password}:sshd\n`).join(''))
  await writeFile(file('netconf'), `#!/bin/sh\n${ECHO}\n`, { mode: 0o755 })
  const config = (...more: readonly string[]): string =>
    sshdConfig([...more, ...lines], { file, hostKey: hostKey.path, authorizedKeys: `${home}/.ssh/authorized_keys` })
  await writeFile(file('sshd_config'), config('UsePAM no'))
  await writeFile(file('sshd_config-typed'), config(...TYPED))
  await writeFile(file('sshd_config-rekey'), config('UsePAM no', `RekeyLimit ${REKEY}`))
  const { onConnection, said, stop } = programs('sshd', {
    ...environment,
    PAM_WRAPPER: '1',
    PAM_WRAPPER_SERVICE_DIR: file('pam.d'),
  })
  return {
    serve: (connection, purpose) =>
      onConnection(['/usr/sbin/sshd', '-i', '-e', '-f', file(configFor(purpose))], connection),
    said,
    stop,
  }
}

const TYPED = ['UsePAM yes', 'KbdInteractiveAuthentication yes']

/** Which file of sshd_config a connection is served by. */
function configFor(purpose: Purpose): string {
  if (purpose === 'keyboard-interactive') return 'sshd_config-typed'
  return purpose === 'rekey' ? 'sshd_config-rekey' : 'sshd_config'
}

interface SshdFiles {
  readonly file: (name: string) => string
  readonly hostKey: string
  readonly authorizedKeys: string
}

/** Its users have a way in each. */
function sshdConfig(more: readonly string[], { file, hostKey, authorizedKeys }: SshdFiles): string {
  return [
    ...more,
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${authorizedKeys}`,
    `TrustedUserCAKeys ${file('user_ca.pub')}`,
    `Subsystem netconf ${file('netconf')}`,
    // Whoever runs the tests may be root.
    'PermitRootLogin yes',
    'StrictModes no',
    'PidFile none',
    'PrintMotd no',
    'UseDNS no',
    'LogLevel DEBUG1',
    'Match User password',
    '  AuthenticationMethods password',
    'Match User typed',
    '  AuthenticationMethods keyboard-interactive',
    'Match User key,certificate',
    '  AuthenticationMethods publickey',
    '',
  ].join('\n')
}

/** That of Debian 13 runs in its directory, where these users are real ones. */
async function startSshd10({ directory, hostKey, means }: DeviceSetup): Promise<RunningDevice> {
  const { inside, command } = await theOpenSsh10()
  const out = (name: string): string => join(directory, name)
  const file = (name: string): string => inside(out(name))
  await chmod(directory, 0o755)
  await writeFile(out('netconf'), `#!/bin/sh\n${ECHO}\n`, { mode: 0o755 })
  await writeFile(
    out('authorized_keys'),
    acceptedKeys(means)
      .map((line) => `${line}\n`)
      .join(''),
  )
  const config = (...lines: readonly string[]): string =>
    sshdConfig(lines, { file, hostKey: inside(hostKey.path), authorizedKeys: file('authorized_keys') })
  await writeFile(out('sshd_config'), config('UsePAM no'))
  await writeFile(out('sshd_config-typed'), config(...TYPED))
  await writeFile(out('sshd_config-rekey'), config('UsePAM no', `RekeyLimit ${REKEY}`))
  const { onConnection, said, stop } = programs('sshd of OpenSSH 10')
  return {
    serve: (connection, purpose) =>
      onConnection(command(['/usr/sbin/sshd', '-i', '-e', '-f', file(configFor(purpose))]), connection),
    said,
    stop,
  }
}
