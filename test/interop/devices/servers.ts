import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { versionOf } from '../parts/debian-version.js'
import { acceptedKeys } from '../parts/login-means.js'
import { REKEY, STATUS } from '../parts/pattern.js'
import type { DevicePeer, DeviceSetup, Purpose, RunningDevice } from './device-peer.js'
import { programs, relayTo } from './ways-to-serve.js'

// Servers that are made of libraries, by programs of this directory.

const inPrograms = (name: string): string => fileURLToPath(new URL(`../programs/${name}`, import.meta.url))
export const built = (name: string): string => fileURLToPath(new URL(`../../.build/${name}`, import.meta.url))

/** A server with a listener for each of a few purposes; `usual` is for all others. */
async function listening(name: string, command: readonly string[]): Promise<RunningDevice> {
  const { listening, said, stop } = programs(name)
  const ports = await listening(command)
  const portFor = (purpose: Purpose): number =>
    ports[purpose === 'keyboard-interactive' ? 'typed' : purpose] ?? ports['usual'] ?? 0
  return { serve: (connection, purpose) => relayTo(portFor(purpose), connection), said, stop }
}

/** The task of a program, as one word. */
async function taskOf({ directory, hostKey, means }: DeviceSetup): Promise<string> {
  const authorizedKeysFile = join(directory, 'authorized_keys')
  const lines = [...acceptedKeys(means), `cert-authority ${means.userCa.publicKey}`]
  await writeFile(authorizedKeysFile, lines.map((line) => `${line}\n`).join(''))
  return JSON.stringify({
    hostKeys: [hostKey.path],
    password: means.password,
    authorizedKeys: acceptedKeys(means),
    authorizedKeysFile,
    userCa: means.userCa.publicKey,
    status: STATUS,
    rekey: REKEY,
  })
}

const python =
  (script: string) =>
  async (setup: DeviceSetup): Promise<RunningDevice> =>
    listening(script, ['/usr/bin/python3', '-B', inPrograms(script), await taskOf(setup)])

export const paramikoDevice: DevicePeer = {
  name: 'paramiko',
  version: () => versionOf('python3-paramiko'),
  cannot: { certificate: 'its server knows no certificates' },
  start: python('paramiko_device.py'),
}

export const asyncsshDevice: DevicePeer = {
  name: 'asyncssh',
  version: () => versionOf('python3-asyncssh'),
  start: python('asyncssh_device.py'),
}

export const conchDevice: DevicePeer = {
  name: 'Twisted Conch',
  version: () => versionOf('python3-twisted'),
  cannot: {
    'keyboard-interactive': 'it has no such login as a server',
    certificate: 'its server knows no certificates',
  },
  start: python('conch_device.py'),
}

export const goDevice: DevicePeer = {
  name: 'Go, `x/crypto/ssh`',
  version: () => versionOf('golang-golang-x-crypto-dev'),
  start: async (setup) => listening('go', [built('interop-go-device'), await taskOf(setup)]),
}

export const erlangDevice: DevicePeer = {
  name: "Erlang's `ssh`",
  version: () => versionOf('erlang-ssh'),
  cannot: { certificate: 'it knows no certificates' },
  hostKey: 'ecdsa',
  start: async ({ directory, hostKey, means }) => {
    const [systemDir, userDir] = [join(directory, 'system'), join(directory, 'user')]
    await Promise.all([systemDir, userDir].map((path) => mkdir(path)))
    await copyFile(hostKey.path, join(systemDir, 'ssh_host_ecdsa_key'))
    await writeFile(join(userDir, 'authorized_keys'), `${acceptedKeys(means).join('\n')}\n`)
    const words = [systemDir, userDir, means.password, String(STATUS), String(REKEY)]
    return listening('erlang', ['escript', inPrograms('erlang_device.escript'), ...words])
  },
}

export const libsshDevice: DevicePeer = {
  name: 'libssh',
  version: () => versionOf('libssh-dev'),
  cannot: { certificate: 'its server knows no certificates' },
  start: async ({ directory, hostKey, means }) => {
    const authorizedKeys = join(directory, 'authorized_keys')
    await writeFile(authorizedKeys, `${acceptedKeys(means).join('\n')}\n`)
    const { onConnection, said, stop } = programs('libssh')
    const words = [hostKey.path, authorizedKeys, means.password, String(STATUS)]
    return {
      serve: (connection, purpose) =>
        onConnection([built('interop-libssh-device'), ...words, String(purpose === 'rekey' ? REKEY : 0)], connection),
      said,
      stop,
    }
  },
}
