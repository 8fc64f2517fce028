import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from './free-port.js'
import { collectLines, type Lines } from './lines.js'
import { gone } from './processes.js'
import { makeTempDir } from './temp-dir.js'

const run = promisify(execFile)

/** Who owns the databases that `createDatabase` makes. */
const OWNER = 'homeport'
const PASSWORD = 'p@ss/word of homeport'
/** The user that Debian's package makes; root may not run a server. */
const UNPRIVILEGED = 'postgres'

export interface PostgresServerOptions {
  /** Of `postgresql.conf`, besides what the part sets. */
  readonly settings?: Readonly<Record<string, string>>
  /** What its command stands behind, such as `ip netns exec NAME`. */
  readonly behind?: readonly string[]
}

/** A PostgreSQL of Debian in a directory of its own. */
export interface PostgresServer {
  /** Of TCP. Addresses are those of the setting `listen_addresses`, by default 127.0.0.1 alone. */
  readonly port: number
  /** Has the Unix socket, which asks for no password. */
  readonly socketDirectory: string
  /** Has the data, `postgresql.conf` and `pg_hba.conf`. */
  readonly dataDirectory: string
  /** What it logs, of all its lives together. */
  readonly log: Lines
  /** Whose the databases are, with its password: no superuser. */
  readonly owner: { readonly user: string; readonly password: string }
  /** Makes an empty database, and gives its URL with user and password. */
  readonly createDatabase: () => Promise<string>
  /** The URL of a database, with user and password. */
  readonly url: (database: string) => string
  /** What statements give as a superuser, a line a row, columns apart by `|`. */
  readonly sql: (statements: string, database?: string) => Promise<string>
  /** Starts it again after `stop` or `kill`, and resolves once it answers. */
  readonly start: () => Promise<void>
  /** Ends it in good order, connections included. */
  readonly stop: () => Promise<void>
  /** Ends it as a loss of power would: every process at once, by `kill -9`. */
  readonly kill: () => Promise<void>
  /** Stops every process of it (SIGSTOP), while its kernel goes on. Gives what lets them go on. */
  readonly freeze: () => Promise<() => void>
  /** Kills it, and removes all that it made. */
  readonly remove: () => Promise<void>
}

/** PostgreSQL on a free port and a Unix socket, which runs as nobody of importance. */
export async function startPostgresServer(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const programs = await directoryOfPrograms()
  const directory = await makeTempDir('postgres')
  const port = await freePort()
  const dataDirectory = join(directory.path, 'data')
  const log = collectLines('PostgreSQL')
  let child: ChildProcess | undefined
  let databases = 0

  const command = (program: string, ...words: readonly string[]): readonly [string, readonly string[]] => {
    const [first = '', ...rest] = [...(options.behind ?? []), ...unprivileged(), join(programs, program), ...words]
    return [first, rest]
  }
  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: directory.path,
    shared_buffers: '16MB',
    // What a killed process wrote is there: only the power of the machine would lose it.
    fsync: 'off',
    ...options.settings,
  }
  const server: PostgresServer = {
    port,
    socketDirectory: directory.path,
    dataDirectory,
    log,
    owner: { user: OWNER, password: PASSWORD },
    createDatabase: async () => {
      databases += 1
      const name = `homeport_${databases}`
      await server.sql(`CREATE DATABASE ${name} OWNER ${OWNER}`)
      return server.url(name)
    },
    url: (database) => `postgres://${OWNER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/${database}`,
    sql: async (statements, database = 'postgres') => {
      const { stdout } = await run(join(programs, 'psql'), [
        '-h',
        directory.path,
        '-p',
        String(port),
        '-U',
        'postgres',
        '-d',
        database,
        '-XAtq',
        '-c',
        statements,
      ])
      return stdout.trimEnd()
    },
    start: async () => {
      const from = log.all.length
      const words = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
      const [program, given] = command('postgres', '-D', dataDirectory, ...words)
      const started = spawn(program, given, { stdio: ['ignore', 'ignore', 'pipe'], cwd: directory.path })
      child = started
      log.add(started.stderr)
      await Promise.race([
        log.match(/ready to accept connections/, { from, timeoutMs: 20_000 }),
        gone(started).then(() => {
          throw new Error(`PostgreSQL ended: ${log.all.slice(from).join('\n')}`)
        }),
      ])
    },
    stop: async () => {
      // "Fast": it ends its connections, and writes all.
      child?.kill('SIGINT')
      if (child !== undefined) await gone(child)
    },
    kill: async () => {
      if (child === undefined) return
      // It may make another one between the look and the end.
      if (child.pid !== undefined) signal(child.pid, 'SIGSTOP')
      const ids = await processesOf(child)
      for (const id of ids) signal(id, 'SIGKILL')
      await gone(child)
      // The last of them lets go of the memory that they share: none could be started again before.
      await Promise.all(ids.map(ended))
    },
    freeze: async () => {
      const ids = child === undefined ? [] : await processesOf(child)
      for (const id of ids) signal(id, 'SIGSTOP')
      return () => ids.forEach((id) => signal(id, 'SIGCONT'))
    },
    remove: async () => {
      await server.kill()
      await directory.remove()
    },
  }

  try {
    await ownedByServer(directory.path)
    await mkdir(dataDirectory, { mode: 0o700 })
    await ownedByServer(dataDirectory)
    const [program, given] = command('initdb', '-D', dataDirectory, '-U', 'postgres', '-A', 'trust', '-N', '-E', 'UTF8')
    await run(program, [...given, '--no-locale'], { cwd: directory.path })
    await writeFile(
      join(dataDirectory, 'pg_hba.conf'),
      'local all all trust\nlocal replication all trust\nhost all all all scram-sha-256\nhost replication all all scram-sha-256\n',
    )
    await server.start()
    await server.sql(`CREATE ROLE ${OWNER} LOGIN PASSWORD '${PASSWORD}'`)
    return server
  } catch (error) {
    await server.remove()
    throw error
  }
}

/** The newest that Debian installed; its programs are in nobody's path. */
async function directoryOfPrograms(): Promise<string> {
  const root = '/usr/lib/postgresql'
  const versions = await readdir(root).catch(() => [])
  const newest = versions.map(Number).toSorted((a, b) => b - a)[0]
  if (newest === undefined) throw new Error(`no PostgreSQL in ${root}: npm run test:setup`)
  return join(root, String(newest), 'bin')
}

function isRoot(): boolean {
  return process.getuid?.() === 0
}

function unprivileged(): readonly string[] {
  const user = isRoot() ? [`--reuid=${UNPRIVILEGED}`, `--regid=${UNPRIVILEGED}`, '--clear-groups'] : []
  return ['setpriv', ...user, '--pdeathsig', 'KILL', '--']
}

async function ownedByServer(path: string): Promise<void> {
  if (!isRoot()) return
  const id = async (kind: string): Promise<number> => Number((await run('id', [kind, UNPRIVILEGED])).stdout)
  await chown(path, await id('-u'), await id('-g'))
}

/** The server and its children, which lead groups of their own. */
async function processesOf(child: ChildProcess): Promise<readonly number[]> {
  const { pid } = child
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return []
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return [pid, ...children.split(' ').filter(Boolean).map(Number)]
}

/** Settles once there is no process of this number, or only what its parent has yet to ask after. */
async function ended(id: number): Promise<void> {
  for (;;) {
    const status = await readFile(`/proc/${id}/stat`, 'utf8').catch(() => '')
    if (status === '' || /\) [ZX] /.test(status)) return
    await pause(5)
  }
}

function signal(id: number, name: NodeJS.Signals): void {
  try {
    process.kill(id, name)
  } catch {
    // It ended by itself since we looked.
  }
}
