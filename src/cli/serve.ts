import { Command } from 'commander'
import { type LoadedConfig, loadConfig } from '../config/load.js'
import { formatProblem } from '../config/problem.js'
import { inBackground, oneAfterAnother } from '../lib/background.js'
import { createLog, type Log } from '../telemetry/log.js'
import { type Bridge, startBridge } from '../app/bridge.js'
import { catchTheUncaught } from '../app/last-resort.js'
import { reloadUsers } from '../app/reload-users.js'
import { findServiceManager } from '../app/service-manager.js'
import { StartError } from '../app/start-error.js'
import { type WatchedFile, watchFile } from '../lib/watch-file.js'

/** `homeport serve`: runs the bridge until SIGTERM or SIGINT, and reads its configuration again on SIGHUP. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('run the bridge')
    .option('-c, --config <file>', 'configuration file (default: config/homeport.yaml, else built-in defaults)')
    .action(async ({ config: path }: { config?: string }) => {
      const load = (): LoadedConfig => loadConfig({ path, cwd: process.cwd(), env: process.env })
      const loaded = load()
      if (!loaded.ok) {
        process.stderr.write(`${loaded.problems.map(formatProblem).join('\n')}\n`)
        process.exitCode = 2
        return
      }
      const log = createLog(loaded.config.log)
      for (const { hint, ...warning } of [...loaded.warnings, ...loaded.exposed])
        log.warn({ hint }, formatProblem(warning))
      if (process.getuid?.() === 0)
        log.warn(
          {
            hint: 'run it as a user of its own: the systemd unit in deploy/ does, and says how ports below 1024 are had',
          },
          'the bridge runs as root, which it never needs',
        )
      try {
        await run(loaded, log, load)
      } catch (error) {
        if (!(error instanceof StartError)) throw error
        process.stderr.write(`homeport: ${error.message}\n${error.hint}\n`)
        process.exitCode = 1
      }
    })
}

type Usable = Extract<LoadedConfig, { ok: true }>

async function run(loaded: Usable, log: Log, load: () => LoadedConfig): Promise<void> {
  const { config, file } = loaded
  const manager = findServiceManager(process.env, log)
  // So that a slow reload never overwrites a newer one.
  const reloads = oneAfterAnother('command')
  let bridge: Bridge | undefined
  let watched: WatchedFile | undefined
  let uncaught = (): void => undefined
  const watchUsers = ({ usersFile, config: { users } }: Usable): void => {
    watched?.close()
    if (usersFile === undefined) return
    let current = users
    watched = watchFile(usersFile.path, () =>
      reloads(() => {
        if (bridge !== undefined) current = reloadUsers(bridge, usersFile, current, log)
      }),
    )
  }
  // Before anything else is done with it, so that no change of the users file is missed.
  watchUsers(loaded)
  try {
    const started = await startBridge(config, log)
    bridge = started
    uncaught = catchTheUncaught(log, () => started.stop(AbortSignal.abort()))
    log.info({ ...started.addresses, config: file ?? 'built-in defaults', devices: config.devices.length }, 'ready')
    const reload = (): void =>
      reloads(async () => {
        manager.reloading()
        const next = await reloadConfig(started, load, log)
        if (next !== undefined) watchUsers(next)
        manager.reloaded(next === undefined ? 'configuration not reloaded, see the log' : '')
      })
    process.on('SIGHUP', reload)
    manager.ready()
    const signal = await nextSignal()
    manager.stopping()
    const { sessions } = await started.fleet.counts()
    log.info({ signal, sessions, drainSeconds: started.drainTimeout() / 1000 }, 'stopping')
    process.off('SIGHUP', reload)
    const force = new AbortController()
    const forced = nextSignal().then((again) => {
      log.info({ signal: again }, 'stopping at once')
      force.abort()
    })
    inBackground('command', forced)
    await started.stop(force.signal)
  } finally {
    watched?.close()
    uncaught()
  }
}

/** The next SIGTERM or SIGINT. */
function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const take = (signal: NodeJS.Signals): void => {
      process.off('SIGTERM', take)
      process.off('SIGINT', take)
      resolve(signal)
    }
    process.on('SIGTERM', take)
    process.on('SIGINT', take)
  })
}

/**
 * A file that cannot be used changes nothing: the bridge runs on with what it has.
 * @returns what was applied, or undefined
 */
async function reloadConfig(bridge: Bridge, load: () => LoadedConfig, log: Log): Promise<Usable | undefined> {
  const loaded = load()
  if (!loaded.ok) {
    for (const { hint, ...problem } of loaded.problems) log.error({ hint }, formatProblem(problem))
    log.error('configuration not reloaded: the bridge goes on with the one it has')
    return undefined
  }
  try {
    await bridge.configure(loaded.config)
    log.level = loaded.config.log.level
    log.info(
      { config: loaded.file ?? 'built-in defaults', devices: loaded.config.devices.length },
      'configuration reloaded; listeners, host keys with their CA, audit.file and data-dir change at the next start',
    )
    return loaded
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    log.error({ hint: error.hint }, `configuration not reloaded: ${error.message}`)
    return undefined
  }
}
