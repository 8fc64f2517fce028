import { readFile, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeSshKey, type SshKey } from '../../e2e/parts/ssh-keys.js'
import { makeTempDir, type TempDir } from '../../e2e/parts/temp-dir.js'
import { freePort } from '../../e2e/parts/free-port.js'
import { listening, type Program, startProgram } from './program.js'

/** The NETCONF server of every device: 1 KB for an `<rpc>`, N bytes where it holds `octets="N"`. */
export const responder = fileURLToPath(new URL('../../.build/rpc-responder', import.meta.url))

/** What all paths of one benchmark share: a directory, one key for all hosts and one for all logins. */
export interface Lab {
  readonly dir: TempDir
  readonly hostKey: SshKey
  readonly loginKey: SshKey
  readonly loginKeyText: Buffer
  /** Whoever runs the benchmark: sshd serves that account without any change to the machine. */
  readonly user: string
  /** Runs when the benchmark ends, in reverse order. */
  readonly onEnd: (stop: () => Promise<unknown>) => void
  readonly end: () => Promise<void>
}

export async function openLab(): Promise<Lab> {
  const dir = await makeTempDir('bench')
  const hostKey = await makeSshKey(dir.path, 'ed25519', 'host')
  const loginKey = await makeSshKey(dir.path, 'ed25519', 'login')
  const stops: (() => Promise<unknown>)[] = [dir.remove]
  return {
    dir,
    hostKey,
    loginKey,
    loginKeyText: await readFile(loginKey.path),
    user: userInfo().username,
    onEnd: (stop) => void stops.push(stop),
    end: async () => {
      for (const stop of stops.splice(0).toReversed()) await stop()
    },
  }
}

/** The configuration file of an sshd of this lab. */
export async function writeSshdConfig(lab: Lab, name: string, lines: readonly string[] = []): Promise<string> {
  const keys = join(lab.dir.path, `${name}.authorized_keys`)
  await writeFile(keys, `${lab.loginKey.publicKey}\n`)
  const file = join(lab.dir.path, `${name}.sshd_config`)
  const config = [
    ...lines,
    `HostKey ${lab.hostKey.path}`,
    `AuthorizedKeysFile ${keys}`,
    'AuthenticationMethods publickey',
    'PermitRootLogin prohibit-password',
    'UsePAM no',
    'StrictModes no',
    'PidFile none',
    'UseDNS no',
    'PrintMotd no',
    'MaxSessions 200',
    'MaxStartups 1000',
    'LogLevel ERROR',
    // A shell that sshd starts reads its user's .bashrc otherwise, whatever is in it: no device does that.
    'SetEnv SHLVL=2',
  ]
  await writeFile(file, config.map((line) => `${line}\n`).join(''))
  return file
}

export interface SshdDaemon extends Program {
  readonly port: number
}

/** An sshd that listens: a device that can be dialled, or a host in the middle. */
export async function startSshd(lab: Lab, name: string, lines: readonly string[]): Promise<SshdDaemon> {
  const port = await freePort()
  const config = await writeSshdConfig(lab, name, [`ListenAddress 127.0.0.1:${port}`, ...lines])
  const program = startProgram(['/usr/sbin/sshd', '-D', '-e', '-f', config])
  lab.onEnd(program.stop)
  await listening(port)
  return { ...program, port }
}

/** The words of an `ssh` that touches nothing of its user and asks nothing. */
export function sshWords(lab: Lab, port: number, more: readonly string[] = []): string[] {
  const options = {
    Port: String(port),
    User: lab.user,
    IdentityFile: lab.loginKey.path,
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    UserKnownHostsFile: '/dev/null',
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'no',
    LogLevel: 'ERROR',
    BatchMode: 'yes',
  }
  return ['ssh', '-Fnone', ...Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]), ...more]
}
