import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { privateHome } from './private-home.js'
import { dyingWithUs, gone } from './processes.js'
import type { SshKey } from './ssh-keys.js'
import { makeTempDir } from './temp-dir.js'
import { within } from './wait-for.js'

/** Where a client connects and how it proves itself: `password`, `key`, or both. */
export type Login = {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password?: string
  readonly key?: SshKey
}

/** How a client program ended. */
export type Ended = {
  readonly stdout: Buffer
  readonly stderr: string
  readonly status: number | null
  readonly signal: string | null
}

/** One step of an ncclient session. */
export type NcclientStep =
  | { readonly do: 'get' | 'commit' | 'discard-changes' | 'close' }
  | { readonly do: 'get-config'; readonly source: Datastore }
  | { readonly do: 'lock' | 'unlock'; readonly target: Datastore }
  | { readonly do: 'edit-config'; readonly target: Datastore; readonly config: string }
  | { readonly do: 'kill-session'; readonly sessionId: string | number }
  | { readonly do: 'rpc'; readonly xml: string }
type Datastore = 'running' | 'candidate'

export type NcclientResult = {
  readonly sessionId: string
  /** The server's capabilities, sorted. */
  readonly capabilities: readonly string[]
  /** One for each step, in order: normalised XML that is equal for equal replies, or the rpc-error. */
  readonly replies: readonly {
    readonly do: string
    readonly reply?: string
    readonly error?: { readonly tag: string; readonly message: string | null }
  }[]
}

const defaultTimeout = 30_000

// --- OpenSSH ---------------------------------------------------------------------------------------------------------

export type SshOptions = {
  /** Options that go before the destination, such as `['-v']`. */
  readonly args?: readonly string[]
  /** What to ask for: a subsystem (default `netconf`), a command or a shell. */
  readonly ask?: { readonly subsystem: string } | { readonly exec: string } | 'shell'
}

export type SshRun = {
  readonly process: ChildProcessWithoutNullStreams
  /** Standard output so far. */
  readonly stdout: () => Buffer
  readonly stderr: () => string
  /** Writes to standard input; resolves when the pipe took it. */
  readonly write: (data: string | Buffer) => Promise<void>
  /** Closes standard input, which ssh passes on as EOF. */
  readonly end: () => void
  /**
   * Resolves when standard output holds `text` at or after byte `from`; gives the position behind it. Default timeout
   * 10,000 ms.
   */
  readonly output: (text: string, options?: { readonly from?: number; readonly timeoutMs?: number }) => Promise<number>
  /** Ends ssh without a goodbye. */
  readonly kill: () => Promise<void>
  /** Resolves when ssh has ended; rejects, and kills it, after `timeoutMs` (default 30,000 ms). */
  readonly ended: (timeoutMs?: number) => Promise<Ended>
}

/**
 * Starts OpenSSH's `ssh -p PORT -s USER@HOST netconf` with no configuration, known hosts, agent or keys but the given
 * ones.
 */
export function startSsh(login: Login, { args = [], ask = { subsystem: 'netconf' } }: SshOptions = {}): SshRun {
  return run(sshCommand(login, { args, ask }), sshEnvironment(login))
}

/** The command line of that. */
export function sshCommand(
  login: Login,
  { args = [], ask = { subsystem: 'netconf' } }: SshOptions = {},
): readonly string[] {
  const asked =
    ask === 'shell' ? [login.host] : 'subsystem' in ask ? ['-s', login.host, ask.subsystem] : [login.host, ask.exec]
  return openssh('ssh', login, [...args, '-Fnone'], asked)
}

/** One of OpenSSH's clients with no configuration, known hosts, agent or keys but the given ones. */
export function openssh(
  program: 'ssh' | 'scp' | 'sftp',
  login: Login,
  args: readonly string[],
  rest: readonly string[],
): readonly string[] {
  const options = {
    Port: String(login.port),
    User: login.user,
    UserKnownHostsFile: '/dev/null',
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'no',
    IdentityAgent: 'none',
    IdentitiesOnly: 'yes',
    IdentityFile: login.key?.path ?? 'none',
    PubkeyAuthentication: login.key ? 'yes' : 'no',
    PasswordAuthentication: login.password === undefined ? 'no' : 'yes',
    // It would come before the method password, and a wrong password be tried twice; `args` may ask for it.
    KbdInteractiveAuthentication: 'no',
    NumberOfPasswordPrompts: '1',
    LogLevel: 'ERROR',
  }
  return [
    ...(login.password === undefined ? [program] : ['sshpass', '-e', program]),
    ...args,
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...rest,
  ]
}

export function sshEnvironment({ password }: Login): Readonly<Record<string, string>> {
  return { SSHPASS: password ?? '' }
}

/**
 * Starts OpenSSH's `ssh -F FILE …` with nothing but what the file and these arguments say, and with this file as its
 * /etc/hosts.
 */
export function startSshFrom(configFile: string, args: readonly string[], hostsFile?: string): SshRun {
  return run(['ssh', '-F', configFile, ...args], hostsFrom(hostsFile))
}

/** What makes a program look host names up in a file of ours. */
function hostsFrom(hostsFile: string | undefined): Readonly<Record<string, string>> {
  return hostsFile === undefined ? {} : { LD_PRELOAD: 'libnss_wrapper.so', NSS_WRAPPER_HOSTS: hostsFile }
}

/** Runs ssh with the whole of `input` piped into it and standard input closed at once, as scripts do. */
export async function runSsh(login: Login, input: string | Buffer = '', options: SshOptions = {}): Promise<Ended> {
  const ssh = startSsh(login, options)
  ssh.process.stdin.end(input)
  return ssh.ended()
}

// --- Python clients --------------------------------------------------------------------------------------------------

/**
 * The session that the direct run and the run through the bridge are compared by: edits `box` through the candidate.
 */
export const fullSession: readonly NcclientStep[] = [
  { do: 'get-config', source: 'running' },
  { do: 'lock', target: 'candidate' },
  { do: 'edit-config', target: 'candidate', config: boxConfig('edited', { 1: 'one', 2: '<&>' }) },
  { do: 'get-config', source: 'candidate' },
  { do: 'commit' },
  { do: 'unlock', target: 'candidate' },
  { do: 'get-config', source: 'running' },
  { do: 'close' },
]

/** A `<config>` for edit-config that sets the tree `box`, which both real servers have. */
export function boxConfig(name: string, items: Readonly<Record<number, string>> = {}): string {
  const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const list = Object.entries(items).map(([id, value]) => `<item><id>${id}</id><value>${escape(value)}</value></item>`)
  const box = `<box xmlns="urn:homeport:test"><name>${escape(name)}</name>${list.join('')}</box>`
  return `<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">${box}</config>`
}

/**
 * Debian's ncclient: one session that performs `steps` (default `fullSession`). Rejects with its standard error if it
 * fails.
 */
export async function runNcclient(
  login: Login,
  {
    steps = fullSession,
    handler = 'default',
    sshConfig,
    hostsFile,
  }: {
    readonly steps?: readonly NcclientStep[]
    readonly handler?: 'default' | 'junos'
    /** A file for ncclient's `ssh_config=`. */
    readonly sshConfig?: string
    /** Its /etc/hosts. */
    readonly hostsFile?: string
  } = {},
): Promise<NcclientResult> {
  const environment = hostsFrom(hostsFile)
  return (await runPython('ncclient_session.py', login, { steps, handler, sshConfig }, environment)) as NcclientResult
}

/**
 * Debian's paramiko: `sessions` NETCONF sessions alive at once on one SSH connection, each sending every request
 * (default get-config).
 */
export async function runParamiko(
  login: Login,
  {
    sessions = 1,
    requests = [getRunning],
    jumpTo,
    knownHosts,
  }: {
    readonly sessions?: number
    readonly requests?: readonly string[]
    /** Reaches this host, port 830, through a `direct-tcpip` channel of a first connection, and logs in there alike. */
    readonly jumpTo?: string
    /** A known_hosts file; hosts that are not in it are refused. */
    readonly knownHosts?: string
  } = {},
): Promise<readonly { readonly sessionId: number; readonly replies: readonly string[] }[]> {
  return (await runPython('paramiko_sessions.py', login, {
    sessions,
    requests,
    jumpTo,
    knownHosts,
  })) as Awaited<ReturnType<typeof runParamiko>>
}

/**
 * Debian's paramiko: a login by keyboard-interactive alone. `responses` is how many answers it gives, the same to each,
 * instead of one to each prompt.
 */
export async function runParamikoInteractive(
  login: Login,
  options: { readonly responses?: number } = {},
): Promise<{ readonly loggedIn: boolean; readonly asked: readonly (readonly [string, boolean])[][] }> {
  return (await runPython('paramiko_interactive.py', login, options)) as Awaited<
    ReturnType<typeof runParamikoInteractive>
  >
}

/** Debian's PyEZ: opens a device without gathering facts, performs the requests (default get-config), closes it. */
export async function runPyez(
  login: Login,
  { requests = [getRunning] }: { readonly requests?: readonly string[] } = {},
): Promise<{ readonly sessionId: string; readonly replies: readonly string[] }> {
  return (await runPython('pyez_session.py', login, { requests })) as Awaited<ReturnType<typeof runPyez>>
}

const getRunning =
  '<get-config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><source><running/></source></get-config>'

export async function runPython(
  script: string,
  { key, ...login }: Login,
  task: object,
  environment: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const home = await makeTempDir('client')
  try {
    const path = fileURLToPath(new URL(`./clients/${script}`, import.meta.url))
    // Debian's modules belong to Debian's interpreter, whichever python3 comes first on PATH.
    const python = run(['/usr/bin/python3', '-B', path], { HOME: home.path, ...environment })
    python.process.stdin.end(JSON.stringify({ ...login, keyFile: key?.path, timeout: defaultTimeout / 1000, ...task }))
    const { stdout, stderr, status } = await python.ended(2 * defaultTimeout)
    if (status !== 0) throw new Error(`${script} ended with status ${status}:\n${stderr}`)
    return JSON.parse(stdout.toString())
  } finally {
    await home.remove()
  }
}

// --- yangcli ---------------------------------------------------------------------------------------------------------

/**
 * Debian's yangcli in batch mode: connects with the login's password and runs `commands`, one a line. Gives all that it
 * printed.
 */
export async function runYangcli(login: Login, commands: readonly string[]): Promise<Ended> {
  const home = await makeTempDir('yangcli')
  try {
    const script = join(home.path, 'script')
    await writeFile(script, commands.map((line) => `${line}\n`).join(''))
    const yangcli = run(
      [
        'yangcli',
        `--server=${login.host}`,
        `--ncport=${login.port}`,
        `--user=${login.user}`,
        `--password=${login.password ?? ''}`,
        '--batch-mode',
        `--run-script=${script}`,
        '--log-level=info',
      ],
      await privateHome(home.path),
    )
    yangcli.process.stdin.end()
    return await yangcli.ended()
  } finally {
    await home.remove()
  }
}

// --- all of them -----------------------------------------------------------------------------------------------------

/** Starts a client program, and gathers what it writes. */
export function run(command: readonly string[], environment: Readonly<Record<string, string>>): SshRun {
  const [program, args] = dyingWithUs(command)
  const child = spawn(program, args, { env: { ...process.env, ...environment } })
  const out: Buffer[] = []
  const errors: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
  // A client that ends before it read everything is for `ended` to tell.
  child.stdin.on('error', () => {})
  const closed = once(child, 'close')
  const stdout = () => Buffer.concat(out)
  const stderr = () => Buffer.concat(errors).toString()
  const kill = async () => {
    child.kill('SIGKILL')
    await gone(child)
  }
  return {
    process: child,
    stdout,
    stderr,
    kill,
    write: async (data) => {
      if (!child.stdin.write(data)) await once(child.stdin, 'drain')
    },
    end: () => void child.stdin.end(),
    output: async (text, { from = 0, timeoutMs = 10_000 } = {}) => {
      let look = () => {}
      const found = new Promise<number>((resolve, reject) => {
        look = () => {
          const at = stdout().indexOf(text, from)
          if (at >= 0) resolve(at + Buffer.byteLength(text))
        }
        child.stdout.on('data', look)
        child.once('close', () =>
          reject(new Error(`${command[0]} ended before it wrote ${text}; standard error: ${stderr()}`)),
        )
        look()
      })
      const what = () =>
        `${command[0]} to write ${text}; it wrote last: ${stdout().subarray(-500).toString()} ${stderr()}`
      return within(timeoutMs, what, found).finally(() => child.stdout.off('data', look))
    },
    ended: async (timeoutMs = defaultTimeout) => {
      try {
        await within(timeoutMs, () => `${command.join(' ')} to end; standard error: ${stderr()}`, closed)
      } catch (error) {
        await kill()
        throw error
      }
      return { stdout: stdout(), stderr: stderr(), status: child.exitCode, signal: child.signalCode }
    },
  }
}
