import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Lines } from '../e2e/parts/lines.js'

export { measureLoopTurns } from './loop-turn-meter.mjs'

/** The turns of one thread's event loop; all figures are milliseconds of CPU time of that thread, up to 12 too many. */
export interface LoopTurns {
  /** The longest turn so far; one that is still running counts up to now. */
  readonly longest: () => number
  /** Forgets what was measured. */
  readonly restart: () => void
  /** @returns the longest turn */
  readonly stop: () => number
}

/** What a turn of the bridge may take at most while it reads what a stranger sends, in milliseconds of CPU time. */
export const LONGEST_TURN = 100

/**
 * Node's arguments for a bridge that `longestTurnOf` can ask: `startBridge(config, { nodeArguments: reportsLoopTurns
 * })`.
 */
export const reportsLoopTurns: readonly string[] = [
  '--import',
  fileURLToPath(new URL('report-loop-turns.mjs', import.meta.url)),
]

/**
 * The longest turn of a bridge's event loop since this was asked last, or since its start, in milliseconds of CPU time.
 */
export async function longestTurnOf(bridge: { process: ChildProcess; lines: Lines }): Promise<number> {
  const from = bridge.lines.all.length
  bridge.process.kill('SIGURG')
  const line = await bridge.lines.match(/"msg":"longest turn"/, { from, timeoutMs: 60_000 })
  return (JSON.parse(line) as { readonly milliseconds: number }).milliseconds
}
