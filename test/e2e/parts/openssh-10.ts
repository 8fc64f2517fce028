import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmod, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { once } from 'node:events'
import { join, relative } from 'node:path'
import { collectLines, type Lines } from './lines.js'
import { asRoot, debianRoot } from './debian-root.js'
import { junosPreamble } from './preamble.js'
import { dyingWithUs, gone, killMarked } from './processes.js'
import type { SshKey } from './ssh-keys.js'
import type { Login } from './clients.js'

/** Of the users in there who have one. */
export const OPENSSH_10_PASSWORD = 'pw-interop'

/**
 * Debian 13 has OpenSSH 10.0, which does not warn yet; its backports have one that does. Nothing is started: the
 * directory shares the network of this machine.
 */
const FROM_BACKPORTS = `
  printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
  echo 'deb http://deb.debian.org/debian trixie-backports main' > /etc/apt/sources.list.d/backports.list
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends -t trixie-backports \\
    openssh-client openssh-server
  apt-get clean
  mkdir -p /run/sshd
  for user in password typed key certificate; do
    useradd --create-home --shell /bin/sh $user
    echo "$user:${OPENSSH_10_PASSWORD}" | chpasswd
  done
`

export interface OpenSsh10 {
  /** What `ssh -V` says. */
  readonly version: string
  /** A directory in there, by its path out here, that goes with it. */
  readonly directory: string
  /** The path in there of a file that lies below the directory. */
  readonly inside: (path: string) => string
  /** What runs words of a shell in there. */
  readonly command: (words: readonly string[]) => readonly string[]
  /** Runs its `ssh -s … netconf` with some input, to its end. */
  readonly ssh: (login: Login, args: readonly string[], input: string) => Promise<SshEnd>
  /** Calls a bridge home with its `sshd -i`, once. */
  readonly callHome: (call: Sshd10Call) => Promise<Sshd10>
  readonly stop: () => Promise<void>
}

export interface SshEnd {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Sshd10Call {
  readonly bridge: { readonly host: string; readonly port: number }
  readonly deviceId: string
  readonly hostKey: SshKey
  /** The key that root logs in with there. */
  readonly userKey: SshKey
  /** A command for its subsystem `netconf`. */
  readonly netconf: string
  /** Lines of sshd_config. */
  readonly config?: readonly string[]
}

export interface Sshd10 {
  /** What it says of itself (LogLevel DEBUG1). */
  readonly log: Lines
  readonly hangUp: () => Promise<void>
}

/** OpenSSH 10 of Debian 13 in a directory of its own, which is run in there as root. */
export async function openSsh10(): Promise<OpenSsh10> {
  const root = await debianRoot('trixie', ['openssh-client', 'openssh-server'], FROM_BACKPORTS)
  const directory = await mkdtemp(join(root, 'tmp/homeport-'))
  const inside = (path: string): string => `/${relative(root, path)}`
  const mark = `HOMEPORT_TEST_OPENSSH_10=${randomUUID()}`
  const started: ChildProcess[] = []
  await chmod(directory, 0o755)

  const command = (words: readonly string[]): readonly string[] =>
    asRoot('chroot', [root, '/usr/bin/env', mark, ...words]).flat()
  const start = (
    words: readonly string[],
    stdio: 'pipe' | readonly unknown[],
    env: NodeJS.ProcessEnv,
  ): ChildProcess => {
    const child = spawn(...dyingWithUs(command(words)), { stdio: stdio as 'pipe', env: { ...process.env, ...env } })
    started.push(child)
    return child
  }
  const ended = async (child: ChildProcess, input: string): Promise<SshEnd> => {
    const [out, err]: [Buffer[], Buffer[]] = [[], []]
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr?.on('data', (chunk: Buffer) => err.push(chunk))
    child.stdin?.on('error', () => undefined).end(input)
    const [status] = (await once(child, 'close')) as [number | null]
    return { status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }
  }
  const version = await ended(start(['/usr/bin/ssh', '-V'], 'pipe', {}), '')

  return {
    version: version.stderr.trim(),
    directory,
    inside,
    command,
    ssh: async ({ host, port, user, key }, args, input) => {
      if (key === undefined) throw new Error('it logs in with a key: there is no terminal to ask for a password on')
      const file = join(directory, `client-${randomUUID()}`)
      await copyFile(key.path, file)
      await chmod(file, 0o600)
      const options = {
        Port: String(port),
        User: user,
        UserKnownHostsFile: '/dev/null',
        StrictHostKeyChecking: 'no',
        IdentitiesOnly: 'yes',
        IdentityFile: inside(file),
        BatchMode: 'yes',
      }
      const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
      return ended(start(['/usr/bin/ssh', '-F', 'none', ...args, ...words, '-s', host, 'netconf'], 'pipe', {}), input)
    },
    callHome: async ({ bridge, deviceId, hostKey, userKey, netconf, config = [] }) => {
      const name = randomUUID()
      const file = (kind: string): string => join(directory, `${kind}-${name}`)
      const there = (kind: string): string => inside(file(kind))
      await copyFile(hostKey.path, file('host-key'))
      await chmod(file('host-key'), 0o600)
      await writeFile(file('keys'), `${userKey.publicKey}\n`)
      await writeFile(file('netconf'), `#!/bin/sh\n${netconf}\n`, { mode: 0o755 })
      const lines = [
        ...config,
        `HostKey ${there('host-key')}`,
        `AuthorizedKeysFile ${there('keys')}`,
        `Subsystem netconf ${there('netconf')}`,
        'PermitRootLogin yes',
        'PasswordAuthentication no',
        'KbdInteractiveAuthentication no',
        'UsePAM no',
        'StrictModes no',
        'UseDNS no',
        'LogLevel DEBUG1',
      ]
      await writeFile(file('sshd_config'), lines.map((line) => `${line}\n`).join(''))
      const socket = connect(bridge)
      socket.pause()
      await once(socket, 'connect')
      await new Promise<void>((resolve) => socket.write(junosPreamble(deviceId), () => resolve()))
      const child = start(['/usr/sbin/sshd', '-i', '-e', '-f', there('sshd_config')], [socket, socket, 'pipe'], {})
      socket.destroy()
      const log = collectLines('sshd of OpenSSH 10')
      if (child.stderr !== null) log.add(child.stderr)
      return {
        log,
        hangUp: async () => {
          child.kill('SIGKILL')
          await gone(child)
        },
      }
    },
    stop: async () => {
      for (const child of started) child.kill('SIGKILL')
      await killMarked(mark)
      await rm(directory, { recursive: true, force: true })
    },
  }
}
