import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { sshString } from '../../../src/ssh/wire.js'
import { makeAccounts } from '../parts/accounts.js'
import { versionOf } from '../parts/debian-version.js'
import { acceptedKeys } from '../parts/login-means.js'
import { DEVICE_USERS, type DevicePeer, type DeviceSetup } from './device-peer.js'
import { ECHO } from './openssh.js'
import { programs } from './ways-to-serve.js'

const BUILD = fileURLToPath(new URL('../../.build', import.meta.url))

const accountsOf = ({ directory, means }: DeviceSetup) =>
  makeAccounts({
    directory,
    users: [...new Set(Object.values(DEVICE_USERS))],
    password: means.password,
    authorizedKeys: acceptedKeys(means),
  })

export const dropbearDevice: DevicePeer = {
  name: 'dropbear',
  version: () => versionOf('dropbear-bin'),
  asCommand: true,
  cannot: {
    'keyboard-interactive': 'it has no such login as a server',
    certificate: 'it knows no certificates',
  },
  without: { 'rekey-by-peer': 'it does that after a gigabyte, and has no setting' },
  start: async (setup) => {
    const { environment } = await accountsOf(setup)
    const hostKey = join(setup.directory, 'dropbear_host_key')
    await promisify(execFile)('dropbearconvert', ['openssh', 'dropbear', setup.hostKey.path, hostKey])
    const { onConnection, said, stop } = programs('dropbear', environment)
    return {
      serve: (connection) => onConnection(['dropbear', '-i', '-r', hostKey, '-c', ECHO], connection),
      said,
      stop,
    }
  },
}

export const tinysshDevice: DevicePeer = {
  name: 'tinysshd',
  version: () => versionOf('tinysshd'),
  cannot: {
    password: 'it takes Ed25519 keys alone',
    'keyboard-interactive': 'it takes Ed25519 keys alone',
    rsa: 'it takes Ed25519 keys alone',
    ecdsa: 'it takes Ed25519 keys alone',
    certificate: 'it knows no certificates',
    agent: 'the agent holds an ECDSA key, and it takes Ed25519 keys alone',
    channels: 'it serves one channel a connection',
  },
  without: { 'rekey-by-peer': 'it never begins that' },
  oneChannel: true,
  directory: async (name) => {
    const path = await mkdtemp(join(await ownDirectory(), `${name}-`))
    return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 }) }
  },
  start: async (setup) => {
    const { environment } = await accountsOf(setup)
    const keys = join(setup.directory, 'tinyssh')
    await promisify(execFile)('tinysshd-makekey', [keys])
    const program = join(setup.directory, 'echo')
    await writeFile(program, `#!/bin/sh\n${ECHO}\n`, { mode: 0o755 })
    const { onConnection, said, stop } = programs('tinysshd', environment)
    const fields = ['ssh-ed25519', await readFile(join(keys, 'ed25519.pk'))]
    const publicKey = Buffer.concat(fields.map(sshString)).toString('base64')
    return {
      hostKey: `ssh-ed25519 ${publicKey}`,
      serve: (connection) => onConnection(['tinysshd', '-v', '-x', `netconf=${program}`, keys], connection),
      said,
      stop,
    }
  },
}

/** Where nobody else may write any directory above, which tinysshd wants of a key that it believes. */
async function ownDirectory(): Promise<string> {
  for (const path of [BUILD, homedir(), '/var/lib']) if (await isOwn(path)) return path
  throw new Error('tinysshd needs a directory whose parents nobody else may write; the home directory is none')
}

async function isOwn(path: string): Promise<boolean> {
  const { mode } = await stat(path)
  const parent = dirname(path)
  return (mode & 0o022) === 0 && (parent === path || (await isOwn(parent)))
}
