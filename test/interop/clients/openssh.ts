import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { versionOf } from '../parts/debian-version.js'
import { directoryInOpenSsh10, theOpenSsh10, versionOfOpenSsh10 } from '../parts/openssh-10.js'
import type { LoginTrial } from '../trial.js'
import type { ClientPeer, ClientTask } from './client-peer.js'
import { filesOf, runStreams } from './ways-to-run.js'

/** How OpenSSH's `ssh` names the methods of a login. */
const METHODS: Readonly<Partial<Record<LoginTrial, string>>> = {
  password: 'password',
  'keyboard-interactive': 'keyboard-interactive',
}

/** Words for OpenSSH's `ssh`, by which it reads no configuration and knows nothing but what the task says. */
export function sshWords(task: ClientTask, path: (name: string) => string = (name) => name): readonly string[] {
  const { host, port, user, method, means, rekey, directory, channels } = task
  const { keyFile, certificateFile } = filesOf(task)
  const options = {
    Port: String(port),
    User: user,
    UserKnownHostsFile: '/dev/null',
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'no',
    PreferredAuthentications: METHODS[method] ?? 'publickey',
    IdentityAgent: method === 'agent' ? path(means.agent.socket) : 'none',
    IdentitiesOnly: method === 'agent' ? 'no' : 'yes',
    IdentityFile: keyFile === '' ? 'none' : path(keyFile),
    ...(certificateFile === '' ? {} : { CertificateFile: path(certificateFile) }),
    NumberOfPasswordPrompts: '1',
    LogLevel: 'ERROR',
    ...(rekey === 0 ? {} : { RekeyLimit: String(rekey) }),
    ...(channels === 1 ? {} : { ControlMaster: 'auto', ControlPath: path(join(directory, 'control')) }),
  }
  const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  return ['ssh', '-Fnone', ...words, '-s', host, 'netconf']
}

export const opensshClient: ClientPeer = {
  name: "OpenSSH's `ssh`",
  version: () => versionOf('openssh-client'),
  start: (task) =>
    runStreams(task, () => ({
      words: task.method in METHODS ? ['sshpass', '-e', ...sshWords(task)] : sshWords(task),
      environment: { SSHPASS: task.means.password },
    })),
}

/** That of Debian 13 runs in its directory, and is told the password by a program there. */
export const openssh10Client: ClientPeer = {
  name: "OpenSSH 10's `ssh`",
  version: versionOfOpenSsh10,
  directory: directoryInOpenSsh10,
  start: async (task) => {
    const { inside, command } = await theOpenSsh10()
    const askpass = join(task.directory, 'askpass')
    await writeFile(askpass, `#!/bin/sh\necho ${task.means.password}\n`)
    await chmod(askpass, 0o755)
    const words = command([`SSH_ASKPASS=${inside(askpass)}`, 'SSH_ASKPASS_REQUIRE=force', ...sshWords(task, inside)])
    return runStreams(task, () => ({ words }))
  },
}
