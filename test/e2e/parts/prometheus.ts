import { spawn } from 'node:child_process'
import { collectLines } from './lines.js'
import { freePort } from './free-port.js'
import { dyingWithUs, gone } from './processes.js'
import { makeTempDir } from './temp-dir.js'

/** One result of a query: the labels, and the value of an instant. */
export type Sample = { readonly labels: Readonly<Record<string, string>>; readonly value: number }

export type Prometheus = {
  /** Evaluates PromQL now; throws what Prometheus says of a query that is none. */
  readonly query: (promql: string) => Promise<readonly Sample[]>
  /** The `data` that a path of its API answers, such as `rules`. */
  readonly ask: (path: string) => Promise<unknown>
  readonly stop: () => Promise<void>
}

/** Debian's Prometheus, with this configuration and a store of its own. */
export async function startPrometheus(configFile: string): Promise<Prometheus> {
  const store = await makeTempDir('prometheus')
  const port = await freePort()
  const [command, args] = dyingWithUs([
    'prometheus',
    `--config.file=${configFile}`,
    `--storage.tsdb.path=${store.path}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ])
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines = collectLines('prometheus')
  lines.add(child.stdout)
  lines.add(child.stderr)
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await gone(child)
    await store.remove()
  }
  const ask = async (path: string): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)
    const { status, data, error } = (await response.json()) as { status: string; data?: unknown; error?: string }
    if (status !== 'success') throw new Error(`${path}: ${error}`)
    return data
  }
  try {
    await lines.match(/Server is ready to receive web requests/, { timeoutMs: 30_000 })
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ask,
    query: async (promql) => {
      const { result } = (await ask(`query?query=${encodeURIComponent(promql)}`)) as {
        readonly result: readonly { metric: Record<string, string>; value: [number, string] }[]
      }
      return result.map(({ metric, value: [, value] }) => ({ labels: metric, value: Number(value) }))
    },
    stop,
  }
}
