import { spawn } from 'node:child_process'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from './free-port.js'
import { collectLines } from './lines.js'
import type { PostgresServer } from './postgres-server.js'
import { gone } from './processes.js'
import { makeTempDir } from './temp-dir.js'

export interface Pgbouncer {
  /** The URL of a database of the server behind it. */
  readonly through: (url: string) => string
  readonly stop: () => Promise<void>
}

/** pgbouncer in transaction mode before a server: of its few connections a client has one for a transaction at most. */
export async function startPgbouncer(server: PostgresServer, connections = 4): Promise<Pgbouncer> {
  const directory = await makeTempDir('pgbouncer')
  const port = await freePort()
  const file = join(directory.path, 'pgbouncer.ini')
  await writeFile(
    file,
    `[databases]
* = host=${server.socketDirectory} port=${server.port} user=${server.owner.user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${connections}
max_client_conn = 200
`,
  )
  // It reads it as the same nobody as the server.
  await Promise.all([chmod(directory.path, 0o755), chmod(file, 0o644)])
  const log = collectLines('pgbouncer')
  const asRoot = process.getuid?.() === 0 ? ['--reuid=postgres', '--regid=postgres', '--clear-groups'] : []
  const child = spawn('setpriv', [...asRoot, '--pdeathsig', 'KILL', '--', 'pgbouncer', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: directory.path,
  })
  log.add(child.stderr)
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await gone(child)
    await directory.remove()
  }
  try {
    await log.match(/process up/)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    through: (url) => {
      const through = new URL(url)
      through.host = `127.0.0.1:${port}`
      return through.href
    },
    stop,
  }
}
