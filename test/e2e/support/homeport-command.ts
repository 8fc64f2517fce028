import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RunningBridge } from './bridge.js'

const main = fileURLToPath(new URL('../../../dist/main.js', import.meta.url))

export type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string }

/** Runs a `homeport` command to its end. */
export function homeport(...words: readonly string[]): Promise<Ended> {
  return homeportReading('', ...words)
}

/** The same with something on its standard input. */
export function homeportReading(input: string, ...words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...words], { timeout: 60_000 }, (_error, stdout, stderr) =>
      resolve({ status: child.exitCode, stdout, stderr }),
    )
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
}

/** Runs one that talks to this bridge, as its operator. */
export function operate(bridge: RunningBridge, ...words: readonly string[]): Promise<Ended> {
  return homeport(...words, '--config', join(bridge.directory, 'homeport.yaml'))
}
