import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { giveRsaHostKey } from '../../support/rsa-host-key.js'
import { collectLines, type Lines } from '../parts/lines.js'
import { makeTempDir } from '../parts/temp-dir.js'

const main = fileURLToPath(new URL('../../../dist/main.js', import.meta.url))

/** A configuration in the words of its file. */
export type ConfigFile = Readonly<Record<string, unknown>>

/** A line of the bridge's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly level: string; readonly msg: string }

export type RunningBridge = {
  readonly host: '127.0.0.1'
  readonly callHomePort: number
  readonly endpointPort: number
  /** Without a slash at its end; empty where it is switched off. */
  readonly httpUrl: string
  /** As many as the configuration names. */
  readonly furtherPorts: readonly number[]
  /** Where old clients log in; NaN without `endpoint.ssh.legacy`. */
  readonly legacyPort: number
  readonly directory: string
  readonly process: ChildProcess
  readonly lines: Lines
  /** All log lines so far. */
  readonly log: () => readonly LogLine[]
  /** The first log line, past or future, whose message matches and whose fields equal these. */
  readonly logged: (
    message: RegExp,
    fields?: Readonly<Record<string, unknown>>,
    options?: { from?: number; timeoutMs?: number },
  ) => Promise<LogLine>
  /** Writes another configuration and sends SIGHUP; listeners keep their ports. */
  readonly reload: (config: ConfigFile | string) => Promise<void>
  /** Resident memory of the process in bytes. */
  readonly residentMemory: () => Promise<number>
  /** What is alive in the process after a full collection; only when it was started with `reportsOnSignal`. */
  readonly report: () => Promise<Report>
  /** Ends the process at once, as a crash does; what it kept stays until `stop`. */
  readonly kill: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** Node's arguments for a bridge that reports what is alive in it. */
export const reportsOnSignal: readonly string[] = [
  '--expose-gc',
  '--import',
  fileURLToPath(new URL('report-on-signal.mjs', import.meta.url)),
]

/** Bytes of heap in use, and how many timers, sockets and so on are active. */
export type Report = { readonly heapUsed: number; readonly resources: Readonly<Record<string, number>> }

/**
 * Runs `homeport serve` on free ports of the loopback address, and waits until it is ready.
 * With `directory`, it goes on with what an earlier one has left there, who then removes it. `program` is another
 * build's `dist/main.js`, `through` a command that becomes what it is given to run.
 */
export async function startBridge(
  config: ConfigFile,
  options: {
    nodeArguments?: readonly string[]
    directory?: string
    program?: string
    through?: readonly string[]
  } = {},
): Promise<RunningBridge> {
  const directory =
    options.directory === undefined
      ? await makeTempDir('bridge')
      : { path: options.directory, remove: async () => undefined }
  const file = join(directory.path, 'homeport.yaml')
  const write = (content: ConfigFile | string): Promise<void> =>
    writeFile(file, typeof content === 'string' ? content : JSON.stringify(withFreePorts(content)))
  await write(config)
  await giveRsaKey(directory.path, config)
  const [command = '', ...words] = [...(options.through ?? []), process.execPath, ...(options.nodeArguments ?? [])]
  const child = spawn(command, [...words, options.program ?? main, 'serve', '--config', file], {
    cwd: directory.path,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const lines = collectLines('the bridge')
  lines.add(child.stderr)
  const exited = once(child, 'exit')
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await exited
    await directory.remove()
  }
  const log = (): readonly LogLine[] => lines.all.flatMap((line) => asLogLine(line) ?? [])
  try {
    await Promise.race([
      lines.match(/"msg":"ready"/, { timeoutMs: 45_000 }),
      exited.then(() => Promise.reject(new Error(`it ended: ${lines.all.join('\n')}`))),
    ])
  } catch (error) {
    await stop()
    throw error
  }
  const ready = log().find(({ msg }) => msg === 'ready')
  return {
    host: '127.0.0.1',
    callHomePort: portOf(ready?.['callHome']),
    endpointPort: portOf(ready?.['endpoint']),
    httpUrl: typeof ready?.['http'] === 'string' ? ready['http'] : '',
    legacyPort: portOf(ready?.['legacyEndpoint']),
    furtherPorts: ((ready?.['furtherEndpoints'] ?? []) as string[]).map(portOf),
    directory: directory.path,
    process: child,
    lines,
    log,
    logged: async (message, fields = {}, { from = 0, timeoutMs = 30_000 } = {}) => {
      const wanted = { test: (line: string) => matches(asLogLine(line), message, fields) }
      const line = await lines.match(wanted as RegExp, { from, timeoutMs })
      return asLogLine(line) as LogLine
    },
    reload: async (next) => {
      const from = lines.all.length
      await write(next)
      child.kill('SIGHUP')
      await Promise.race([
        lines.match(/configuration (not )?reloaded/, { from, timeoutMs: 30_000 }),
        exited.then(() => Promise.reject(new Error(`it ended: ${lines.all.join('\n')}`))),
      ])
    },
    report: async () => {
      const from = lines.all.length
      child.kill('SIGUSR2')
      return JSON.parse(await lines.match(/"msg":"report"/, { from })) as Report
    },
    residentMemory: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
    },
    kill: async () => {
      child.kill('SIGKILL')
      await exited
    },
    stop,
  }
}

async function giveRsaKey(directory: string, config: ConfigFile | string): Promise<void> {
  if (typeof config === 'string' || (config['data-dir'] ?? 'data') !== 'data') return
  await giveRsaHostKey(join(directory, 'data'))
}

function withFreePorts(config: ConfigFile): ConfigFile {
  const endpoint = config['endpoint'] as Record<string, object> | undefined
  const callHome = config['call-home'] as Record<string, object> | undefined
  const free = { address: '127.0.0.1', port: 0 }
  return {
    'data-dir': 'data',
    // A test that ends has no time to wait for sessions.
    'drain-timeout': '0s',
    log: { level: 'debug', format: 'json' },
    ...config,
    'call-home': { ...callHome, ssh: { ...free, ...callHome?.['ssh'] } },
    endpoint: { ...endpoint, ssh: { ...free, ...endpoint?.['ssh'] }, http: { ...free, ...endpoint?.['http'] } },
  }
}

function asLogLine(line: string): LogLine | undefined {
  try {
    return JSON.parse(line) as LogLine
  } catch {
    return undefined
  }
}

function matches(line: LogLine | undefined, message: RegExp, fields: Readonly<Record<string, unknown>>): boolean {
  return (
    line !== undefined && message.test(line.msg) && Object.entries(fields).every(([key, value]) => line[key] === value)
  )
}

function portOf(address: unknown): number {
  return Number(String(address).split(':').at(-1))
}
