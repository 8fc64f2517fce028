import { toldByBridge } from '../config/denied-files.js'
import type { LoadedConfig } from '../config/load.js'
import { formatProblem, type Problem } from '../config/problem.js'
import type { FailedReload } from '../northbound/http/routes/bridge.js'
import type { Log } from '../telemetry/log.js'
import type { Bridge } from './bridge.js'
import type { ConfigRecord } from './config-record.js'
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
  readonly record: Pick<ConfigRecord, 'noteRead' | 'noteFailure'>
  readonly log: Log
}): Promise<UsableConfig | undefined> {
  const { bridge, load, record, log } = options
  const loaded = load()
  if (!loaded.ok) {
    await tellFailedReload('configuration', loaded.problems, { record, log })
    log.error('configuration not reloaded: the bridge goes on with the one it has')
    return undefined
  }
  try {
    const waiting = await bridge.configure(loaded.config)
    record.noteRead(loaded.sources)
    log.level = loaded.config.log.level
    logWarnings(loaded, log)
    logReloaded(loaded, waiting, log)
    return loaded
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    record.noteFailure('configuration', [{ message: error.message, hint: error.hint }])
    log.error({ hint: error.hint }, `configuration not reloaded: ${error.message}`)
    return undefined
  }
}

/** Logs why something was not read again, and keeps it for whoever asks the bridge. */
export async function tellFailedReload(
  what: FailedReload['what'],
  problems: readonly Problem[],
  { record, log }: { readonly record: Pick<ConfigRecord, 'noteFailure'>; readonly log: Log },
): Promise<void> {
  const told = (await toldByBridge(problems)).map(({ hint, ...problem }) => ({
    message: formatProblem(problem),
    ...(hint === undefined ? {} : { hint }),
  }))
  for (const { message, hint } of told) log.error({ hint }, message)
  record.noteFailure(what, told)
}

/** Tells what is allowed and yet hardly meant, at the start and at each reload. */
export function logWarnings({ warnings, exposed }: Pick<UsableConfig, 'warnings' | 'exposed'>, log: Log): void {
  for (const { hint, ...warning } of [...warnings, ...exposed]) log.warn({ hint }, formatProblem(warning))
}

/** @param waiting the keys that have changed and wait for a restart */
function logReloaded({ file, config }: UsableConfig, waiting: readonly string[], log: Log): void {
  const applied = { config: file, devices: config.devices.length }
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
