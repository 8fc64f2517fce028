import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { versionOf } from '../parts/debian-version.js'
import type { ClientPeer, ClientTask } from './client-peer.js'
import { type Command, filesOf, runStreams } from './ways-to-run.js'

const run = promisify(execFile)

export const dbclient: ClientPeer = {
  name: "dropbear's `dbclient`",
  version: () => versionOf('dropbear-bin'),
  cannot: {
    password: 'it answers keyboard-interactive first, which the endpoint has as well',
    certificate: 'it knows no certificates',
  },
  without: {
    'rekey-by-peer': 'it does that after a gigabyte, and has no setting',
    channels: 'it opens one channel a connection',
  },
  start: async (task) => {
    const command = await dbclientCommand(task)
    return runStreams(task, () => command)
  },
}

async function dbclientCommand(task: ClientTask): Promise<Command> {
  const { host, port, user, method, means, directory } = task
  const { keyFile } = filesOf(task)
  const key = join(directory, 'key')
  if (keyFile !== '') await run('dropbearconvert', ['openssh', 'dropbear', keyFile, key])
  const words = ['dbclient', '-y', '-y', ...(keyFile === '' ? [] : ['-i', key]), '-p', String(port), '-l', user]
  return {
    words: [...words, '-s', host, 'netconf'],
    environment: {
      HOME: directory,
      SSH_AUTH_SOCK: method === 'agent' ? means.agent.socket : '',
      // Where nothing else would do, it must not ask for one.
      DROPBEAR_PASSWORD: keyFile === '' && method !== 'agent' ? means.password : 'not-asked-for',
    },
  }
}

export const plink: ClientPeer = {
  name: "PuTTY's `plink`",
  version: () => versionOf('putty-tools'),
  start: async (task) => {
    const command = await plinkCommand(task)
    return runStreams(task, () => command)
  },
}

/** What plink has no option for stands in a session that is kept in its home directory. */
async function plinkCommand(task: ClientTask): Promise<Command> {
  const { host, port, user, method, means, directory, rekey, channels } = task
  const { keyFile, certificateFile } = filesOf(task)
  const sessions = join(directory, '.putty/sessions')
  const key = join(directory, 'key.ppk')
  if (keyFile !== '') await run('puttygen', [keyFile, '-O', 'private', '-o', key])
  const passwordFile = join(directory, 'password')
  await writeFile(passwordFile, `${means.password}\n`)
  await mkdir(sessions, { recursive: true })
  const kept = {
    Protocol: 'ssh',
    AuthKI: method === 'keyboard-interactive' ? 1 : 0,
    ...(rekey === 0 ? {} : { RekeyBytes: String(rekey) }),
    ...(certificateFile === '' ? {} : { DetachedCertificate: certificateFile }),
    ...(channels === 1 ? {} : { ConnectionSharing: 1 }),
  }
  await writeFile(
    join(sessions, 'interop'),
    Object.entries(kept)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
  const words = ['plink', '-load', 'interop', '-batch', '-hostkey', await hostKeyOf(host, port), '-P', String(port)]
  const proof =
    method === 'agent' ? ['-agent'] : ['-noagent', ...(keyFile === '' ? ['-pwfile', passwordFile] : ['-i', key])]
  const sharing = channels === 1 ? '-noshare' : '-share'
  return {
    words: [...words, '-l', user, ...proof, sharing, '-no-antispoof', '-s', host, 'netconf'],
    environment: { HOME: directory, SSH_AUTH_SOCK: method === 'agent' ? means.agent.socket : '' },
  }
}

/** The fingerprint of a server's host key as plink wants it. */
async function hostKeyOf(host: string, port: number): Promise<string> {
  const scanned = await run('sh', ['-c', `ssh-keyscan -t ed25519 -p ${port} ${host} 2>/dev/null | ssh-keygen -lf -`])
  return /SHA256:\S+/.exec(scanned.stdout)?.[0] ?? ''
}
