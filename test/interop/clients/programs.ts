import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { versionOf } from '../parts/debian-version.js'
import type { ClientPeer, ClientTask } from './client-peer.js'
import { filesOf, runProgram } from './ways-to-run.js'

// Clients that are made of libraries, by programs in programs/.

const inPrograms = (name: string): string => fileURLToPath(new URL(`../programs/${name}`, import.meta.url))
const built = (name: string): string => fileURLToPath(new URL(`../../.build/${name}`, import.meta.url))

const python =
  (script: string): ClientPeer['start'] =>
  (task) =>
    runProgram(task, { words: ['/usr/bin/python3', '-B', inPrograms(script)], environment: { HOME: task.directory } })

export const paramikoClient: ClientPeer = {
  name: 'paramiko',
  version: () => versionOf('python3-paramiko'),
  start: python('paramiko_client.py'),
}

export const asyncsshClient: ClientPeer = {
  name: 'asyncssh',
  version: () => versionOf('python3-asyncssh'),
  start: python('asyncssh_client.py'),
}

export const ncclient: ClientPeer = {
  name: 'ncclient',
  version: () => versionOf('python3-ncclient'),
  speaksNetconf: true,
  login: 'ecdsa',
  without: {
    'keyboard-interactive': 'it comes to that only where a server has no password login',
    certificate: 'it has no way to give one',
    channels: 'it opens one channel a connection',
  },
  start: python('ncclient_client.py'),
}

export const conchClient: ClientPeer = {
  name: 'Twisted Conch',
  version: () => versionOf('python3-twisted'),
  cannot: { rsa: 'it signs with RSA by SHA-1 alone' },
  without: { certificate: 'it knows no certificates' },
  start: python('conch_client.py'),
}

export const goClient: ClientPeer = {
  name: 'Go, `x/crypto/ssh`',
  version: () => versionOf('golang-golang-x-crypto-dev'),
  start: (task) => runProgram(task, { words: [built('interop-go-client')] }),
}

export const erlangClient: ClientPeer = {
  name: "Erlang's `ssh`",
  version: () => versionOf('erlang-ssh'),
  without: { certificate: 'it knows no certificates' },
  start: async (task) => {
    const { keyFile } = filesOf(task)
    const keys = join(task.directory, 'keys')
    await mkdir(keys)
    if (keyFile !== '') await copyFile(keyFile, join(keys, `id_${task.method}`))
    const { host, port, user, method, means, bytes, channels, idle, rekey, hold } = task
    const words = [host, port, user, method, means.password, keys, means.agent.socket, bytes, channels, idle]
    return runProgram(task, {
      words: ['escript', inPrograms('erlang_client.escript'), ...words.map(String), String(rekey > 0), String(hold)],
    })
  },
}

/** The words of client_task.h. */
function taskWords(task: ClientTask): readonly string[] {
  const { host, port, user, method, means, bytes, channels, idle, rekey, hold } = task
  const { keyFile, certificateFile } = filesOf(task)
  return [host, port, user, method, means.password, keyFile, certificateFile, bytes, channels, idle, rekey, hold].map(
    String,
  )
}

const withTaskWords =
  (...program: readonly string[]): ClientPeer['start'] =>
  (task) =>
    runProgram(task, {
      words: [...program, ...taskWords(task)],
      environment: { SSH_AUTH_SOCK: task.method === 'agent' ? task.means.agent.socket : '', HOME: task.directory },
    })

export const libsshClient: ClientPeer = {
  name: 'libssh',
  version: () => versionOf('libssh-dev'),
  start: withTaskWords(built('interop-libssh-client')),
}

export const libssh2Client: ClientPeer = {
  name: 'libssh2',
  version: () => versionOf('libssh2-1-dev'),
  cannot: {
    rsa: 'it signs with RSA by SHA-1 alone',
    certificate: 'it knows certificates of none but RSA keys',
  },
  without: { 'rekey-by-peer': 'it never begins that' },
  start: withTaskWords(built('interop-libssh2-client')),
}

export const jschClient: ClientPeer = {
  name: 'JSch',
  version: () => versionOf('libjsch-java'),
  login: 'ecdsa',
  cannot: { rsa: 'it signs with RSA by SHA-1 alone', ed25519: 'it knows no such keys' },
  without: {
    certificate: 'it knows no certificates',
    agent: 'it has none of its own',
  },
  start: withTaskWords(
    'java',
    '-XX:TieredStopAtLevel=1',
    '-cp',
    `/usr/share/java/jsch.jar:${built('interop-java')}`,
    'JschClient',
  ),
}
