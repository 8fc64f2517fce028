import type { ChildProcess } from 'node:child_process'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Lines } from '../e2e/parts/lines.js'

import { measureLoopTurns } from './loop-turn-meter.mjs'

export { measureLoopTurns }

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

/** How often `leastOfTurns` measures at most. */
const RUNS = 5

/**
 * The least of the longest turns of several runs of one thing, in milliseconds of CPU time. Code that holds everybody up
 * does so in each run; a garbage collection or a neighbour on the core lengthens a turn of one run alone.
 */
export async function leastOfTurns(run: () => Promise<number> | number, bound = LONGEST_TURN): Promise<number> {
  let least = await run()
  for (let runs = 1; runs < RUNS && least >= bound; runs += 1) least = Math.min(least, await run())
  return least
}

/** The same of work of this thread, which begins in a turn of its own. */
export function leastTurnOf(work: () => unknown, bound = LONGEST_TURN): Promise<number> {
  return leastOfTurns(async () => {
    const turns = measureLoopTurns()
    await setImmediate()
    await work()
    await setImmediate()
    return turns.stop()
  }, bound)
}

/**
 * The longest turn of a bridge's event loop since this was asked last, or since its start, in milliseconds of CPU time.
 */
export async function longestTurnOf(bridge: { process: ChildProcess; lines: Lines }): Promise<number> {
  const from = bridge.lines.all.length
  bridge.process.kill('SIGURG')
  const line = await bridge.lines.match(/"msg":"longest turn"/, { from, timeoutMs: 60_000 })
  return (JSON.parse(line) as { readonly milliseconds: number }).milliseconds
}
