import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmod, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { collectLines, type Lines } from './lines.js'
import { dyingWithUs, killGroup, killMarked, processesMarked } from './processes.js'
import type { SshKey } from './ssh-keys.js'
import { makeTempDir } from './temp-dir.js'

export type SshdOptions = {
  /** Host keys that sshd presents, in its order. */
  readonly hostKeys: readonly SshKey[]
  readonly login: {
    readonly user: string
    /** Accepted password; without it sshd offers no password login. */
    readonly password?: string
    /** Its crypt(3) hash instead. */
    readonly passwordHash?: string
    /** Accepted public keys, lines of an authorized_keys file; without them sshd offers no public key login. */
    readonly authorizedKeys?: readonly string[]
    /** Whether the account is locked, as by `passwd -l`: it has no login, by whatever. */
    readonly locked?: boolean
    /** Further accounts, with passwords of their own; their shell and home are those of the first. */
    readonly others?: readonly { readonly user: string; readonly password: string }[]
  }
  /** Further accounts, which log in by what `config` says alone. */
  readonly furtherUsers?: readonly string[]
  /** Shell command for each subsystem, such as `{ netconf: netconfd.subsystem }`. */
  readonly subsystems: Readonly<Record<string, string>>
  /** What the user's shell reads when it is a login shell, `.profile`. */
  readonly profile?: string
  /** The user's login shell, the text of a script; `/bin/sh` without. */
  readonly shell?: string
  /** More lines of sshd_config; they win over ours. */
  readonly config?: readonly string[]
}

export type Sshd = {
  /** Starts `sshd -i` on a TCP socket that nobody has read from yet, or on pipes to us. */
  readonly spawn: (connection: Socket | 'pipes') => ChildProcess
  /** Kills one that `spawn` started; what ran in its sessions lives on until it notices, as after a crash. */
  readonly kill: (child: ChildProcess) => Promise<void>
  /** Stops (SIGSTOP) every sshd and what runs in its sessions; their connections stay. Gives what lets them go on. */
  readonly halt: () => Promise<() => void>
  /** What every process of this sshd wrote on standard error (LogLevel DEBUG1). */
  readonly log: Lines
  /** Kills every sshd and everything that ran in its sessions, removes the temporary files. */
  readonly stop: () => Promise<void>
}

const noChroot = fileURLToPath(new URL('../../.build/no-chroot.so', import.meta.url))

/**
 * A real OpenSSH sshd, ready to serve connections.
 *
 * Its user exists for this sshd alone: nss_wrapper shows it a passwd, group and shadow file of its own and uid_wrapper
 * lets it believe it changes user, so the machine's accounts stay untouched, tests need no root, and sessions run as
 * whoever runs the tests.
 */
export async function prepareSshd(options: SshdOptions): Promise<Sshd> {
  const dir = await makeTempDir('sshd')
  const mark = { name: 'HOMEPORT_TEST_SSHD', value: randomUUID() }
  const file = (name: string) => join(dir.path, name)
  // Scripts, because sshd_config takes quotes apart in its own way.
  const subsystemScript = (name: string) => file(`subsystem-${name}`)
  const { user, password, passwordHash, authorizedKeys, locked = false, others = [] } = options.login
  const hash = passwordHash ?? (await hashPassword(password))
  const further = [
    ...(options.furtherUsers ?? []).map((name) => ({ name, hash: '*' })),
    ...(await Promise.all(others.map(async (one) => ({ name: one.user, hash: await hashPassword(one.password) })))),
  ]
  const setEnv = `SetEnv ${mark.name}=${mark.value}`

  const shell = options.shell === undefined ? '/bin/sh' : file('shell')

  await chmod(dir.path, 0o755)
  for (const [name, command] of Object.entries(options.subsystems)) {
    await writeFile(subsystemScript(name), `#!/bin/sh\n${command}\n`, { mode: 0o755 })
  }
  await writeFile(
    file('passwd'),
    `root:x:0:0::/root:/bin/sh\nsshd:x:103:65534::/run/sshd:/usr/sbin/nologin\n${user}:x:10830:10830::${dir.path}:${shell}\n` +
      further.map(({ name }, at) => `${name}:x:${10_831 + at}:10830::${dir.path}:${shell}\n`).join(''),
  )
  await writeFile(file('group'), `root:x:0:\nnogroup:x:65534:\n${user}:x:10830:\n`)
  await writeFile(
    file('shadow'),
    `root:*:19000:0:99999:7:::\n${user}:${locked ? '!' : ''}${hash}:19000:0:99999:7:::\n` +
      further.map((one) => `${one.name}:${one.hash}:19000:0:99999:7:::\n`).join(''),
  )
  if (options.profile !== undefined) await writeFile(file('.profile'), options.profile)
  if (options.shell !== undefined) await writeFile(file('shell'), options.shell, { mode: 0o755 })
  await writeFile(file('authorized_keys'), (authorizedKeys ?? []).map((line) => `${line}\n`).join(''))
  await writeFile(
    file('sshd_config'),
    [setEnv, ...(options.config ?? []), ...baseConfig()].map((line) => `${line}\n`).join(''),
  )

  function baseConfig(): string[] {
    return [
      ...options.hostKeys.map((key) => `HostKey ${key.path}`),
      ...Object.keys(options.subsystems).map((name) => `Subsystem ${name} ${subsystemScript(name)}`),
      `AuthorizedKeysFile ${file('authorized_keys')}`,
      `PubkeyAuthentication ${authorizedKeys === undefined ? 'no' : 'yes'}`,
      `PasswordAuthentication ${(password ?? passwordHash) === undefined ? 'no' : 'yes'}`,
      'KbdInteractiveAuthentication no',
      'UsePAM no',
      'StrictModes no',
      'PidFile none',
      'PrintMotd no',
      'UseDNS no',
      'LogLevel DEBUG1',
    ]
  }

  const log = collectLines('sshd')
  const environment = {
    ...process.env,
    [mark.name]: mark.value,
    LD_PRELOAD: `libnss_wrapper.so libuid_wrapper.so ${noChroot}`,
    NSS_WRAPPER_PASSWD: file('passwd'),
    NSS_WRAPPER_GROUP: file('group'),
    NSS_WRAPPER_SHADOW: file('shadow'),
    UID_WRAPPER: '1',
    UID_WRAPPER_ROOT: '1',
  }
  const running = new Set<ChildProcess>()

  function spawnOn(connection: Socket | 'pipes'): ChildProcess {
    const [command, args] = dyingWithUs(['/usr/sbin/sshd', '-i', '-e', '-f', file('sshd_config')])
    const end = connection === 'pipes' ? 'pipe' : connection
    // A process group of its own: sshd's privilege-separated half has to go with it.
    const child = spawn(command, args, { stdio: [end, end, 'pipe'], env: environment, detached: true })
    if (child.stderr) log.add(child.stderr)
    running.add(child)
    child.once('exit', () => running.delete(child))
    return child
  }
  return {
    log,
    spawn: spawnOn,
    kill: killGroup,
    halt: async () => {
      const leaders = [...running].flatMap(({ pid }) => (pid === undefined ? [] : [-pid]))
      const ids = [...leaders, ...(await processesMarked(`${mark.name}=${mark.value}`))]
      const signal = (name: NodeJS.Signals): void => {
        for (const id of ids) process.kill(id, name)
      }
      signal('SIGSTOP')
      return () => signal('SIGCONT')
    },
    stop: async () => {
      await Promise.all([...running].map(killGroup))
      // Commands in sessions run in process groups of their own.
      await killMarked(`${mark.name}=${mark.value}`)
      await dir.remove()
    },
  }
}

/** A crypt(3) hash as sshd checks it against shadow, or one that nothing matches. */
export async function hashPassword(password: string | undefined): Promise<string> {
  if (password === undefined) return '*'
  const done = promisify(execFile)('openssl', ['passwd', '-6', '-stdin'])
  done.child.stdin?.end(`${password}\n`)
  return (await done).stdout.trim()
}
