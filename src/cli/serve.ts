import { resolve } from 'node:path'
import { Command } from 'commander'
import { type Bridge, startBridge } from '../app/bridge.js'
import { catchTheUncaught } from '../app/last-resort.js'
import { type ConfigRecord, createConfigRecord } from '../app/config-record.js'
import { logWarnings, type UsableConfig } from '../app/reload-config.js'
import { createReloads } from '../app/reloads.js'
import { findServiceManager } from '../app/service-manager.js'
import { StartError } from '../app/start-error.js'
import { toldByBridge } from '../config/denied-files.js'
import { type LoadedConfig, loadConfig } from '../config/load.js'
import { formatProblem } from '../config/problem.js'
import { configOption } from './config-option.js'
import { type ProcessSignals, watchSignals } from './process-signals.js'
import { inBackground } from '../lib/background.js'
import type { StoreFailure } from '../store/store.js'
import { createLog, type Log } from '../telemetry/log.js'

/** `homeport serve`: runs the bridge until SIGTERM or SIGINT, and reads its configuration again on SIGHUP. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('run the bridge')
    .addOption(configOption())
    .action(({ config: path }: { config?: string }) => serve(path))
}

/** Exit status 2: the configuration has problems. 1: the bridge cannot start. Standard error says what is wrong. */
async function serve(path: string | undefined): Promise<void> {
  const signals = watchSignals('is-told')
  const { env } = process
  const cwd = process.cwd()
  const loaded = loadConfig({ path, cwd, env })
  if (!loaded.ok) {
    process.stderr.write(`${(await toldByBridge(loaded.problems)).map(formatProblem).join('\n')}\n`)
    process.exitCode = 2
    return
  }
  const log = createLog(loaded.config.log)
  const { file } = loaded
  const configFile = resolve(cwd, file)
  log.info({ file: configFile }, 'configuration read')
  warnAtStart(loaded, log)
  // The same file again, although another may have appeared that would be found first.
  const load = (): LoadedConfig => loadConfig({ path: file, cwd, env })
  try {
    await runUntilSignal(signals, { loaded, load, log, record: createConfigRecord(configFile, loaded.sources) })
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    process.stderr.write(`homeport: ${error.message}\n${error.hint}\n`)
    process.exitCode = 1
  }
}

function warnAtStart(loaded: UsableConfig, log: Log): void {
  logWarnings(loaded, log)
  if (process.getuid?.() === 0)
    log.warn(
      {
        hint: 'run it as a user of its own: the systemd unit in deploy/ does, and says how ports below 1024 are had',
      },
      'the bridge runs as root, which it never needs',
    )
}

async function runUntilSignal(
  signals: ProcessSignals,
  options: {
    readonly loaded: UsableConfig
    readonly load: () => LoadedConfig
    readonly log: Log
    readonly record: ConfigRecord
  },
): Promise<void> {
  const { loaded, log } = options
  const { config, file } = loaded
  const manager = findServiceManager(process.env, log)
  const reloads = createReloads({ ...options, manager })
  let stopCatching = (): void => undefined
  try {
    const bridge = await startBridge(config, log, options.record)
    stopCatching = catchTheUncaught(log, () => bridge.stop(AbortSignal.abort()))
    log.info({ ...bridge.addresses, config: file, devices: config.devices.length }, 'ready')
    reloads.follow(bridge)
    signals.onHangUp(reloads.reload)
    manager.ready()
    const ending = await Promise.race([signals.nextStop(), bridge.replaced])
    manager.stopping()
    signals.onHangUp(() => undefined)
    if (typeof ending === 'string') await stop(bridge, ending, { log, signals })
    else await makeWay(bridge, ending, log)
  } finally {
    reloads.close()
    stopCatching()
  }
}

/** Stops in order, or at once with the next signal. */
async function stop(
  bridge: Bridge,
  signal: NodeJS.Signals,
  { log, signals }: { readonly log: Log; readonly signals: ProcessSignals },
): Promise<void> {
  const { sessions } = await bridge.fleet.counts()
  log.info({ signal, sessions, drainSeconds: bridge.drainTimeout() / 1000 }, 'stopping')
  const force = new AbortController()
  const forced = signals.nextStop().then((again) => {
    log.info({ signal: again }, 'stopping at once')
    signals.close()
    force.abort()
  })
  inBackground('command', forced)
  await bridge.stop(force.signal)
}

/** Stops at once for the node that has taken over. By the status a service manager starts it anew, as the standby. */
async function makeWay(bridge: Bridge, { message, hint }: StoreFailure, log: Log): Promise<void> {
  log.fatal({ hint }, `stopping: ${message}`)
  process.exitCode = 1
  await bridge.stop(AbortSignal.abort())
}
