import type { LoadedConfig } from '../config/load.js'
import { formatProblem } from '../config/problem.js'
import type { Log } from '../telemetry/log.js'
import type { Bridge } from './bridge.js'
import { StartError } from './start-error.js'

/** A configuration that has no problems. */
export type UsableConfig = Extract<LoadedConfig, { ok: true }>

/**
 * Reads the configuration again. One that cannot be used changes nothing: the bridge runs on with what it has.
 * @returns what was applied, or undefined
 */
export async function reloadConfig(options: {
  readonly bridge: Pick<Bridge, 'configure'>
  readonly load: () => LoadedConfig
  readonly log: Log
}): Promise<UsableConfig | undefined> {
  const { bridge, load, log } = options
  const loaded = load()
  if (!loaded.ok) {
    for (const { hint, ...problem } of loaded.problems) log.error({ hint }, formatProblem(problem))
    log.error('configuration not reloaded: the bridge goes on with the one it has')
    return undefined
  }
  try {
    const waiting = await bridge.configure(loaded.config)
    log.level = loaded.config.log.level
    logReloaded(loaded, waiting, log)
    return loaded
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    log.error({ hint: error.hint }, `configuration not reloaded: ${error.message}`)
    return undefined
  }
}

/** @param waiting the keys that have changed and wait for a restart */
function logReloaded({ file, config }: UsableConfig, waiting: readonly string[], log: Log): void {
  const applied = { config: file ?? 'built-in defaults', devices: config.devices.length }
  if (waiting.length === 0) log.info(applied, 'configuration reloaded')
  else
    log.info(
      { ...applied, atNextStart: waiting },
      `configuration reloaded; ${listed(waiting)} ${waiting.length === 1 ? 'changes' : 'change'} at the next start`,
    )
}

/** `a`, `a and b`, `a, b and c`. */
function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`
}
