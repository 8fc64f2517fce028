import { Command } from 'commander'
import { type Bridge, startBridge } from '../app/bridge.js'
import { catchTheUncaught } from '../app/last-resort.js'
import type { UsableConfig } from '../app/reload-config.js'
import { createReloads } from '../app/reloads.js'
import { findServiceManager } from '../app/service-manager.js'
import { StartError } from '../app/start-error.js'
import { type LoadedConfig, loadConfig } from '../config/load.js'
import { formatProblem } from '../config/problem.js'
import { inBackground } from '../lib/background.js'
import { createLog, type Log } from '../telemetry/log.js'

/** `homeport serve`: runs the bridge until SIGTERM or SIGINT, and reads its configuration again on SIGHUP. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('run the bridge')
    .option('-c, --config <file>', 'configuration file (default: config/homeport.yaml, else built-in defaults)')
    .action(({ config: path }: { config?: string }) => serve(path))
}

/** Exit status 2: the configuration has problems. 1: the bridge cannot start. Standard error says what is wrong. */
async function serve(path: string | undefined): Promise<void> {
  const load = (): LoadedConfig => loadConfig({ path, cwd: process.cwd(), env: process.env })
  const loaded = load()
  if (!loaded.ok) {
    process.stderr.write(`${loaded.problems.map(formatProblem).join('\n')}\n`)
    process.exitCode = 2
    return
  }
  const log = createLog(loaded.config.log)
  warnAtStart(loaded, log)
  try {
    await runUntilSignal({ loaded, load, log })
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    process.stderr.write(`homeport: ${error.message}\n${error.hint}\n`)
    process.exitCode = 1
  }
}

function warnAtStart({ warnings, exposed }: UsableConfig, log: Log): void {
  for (const { hint, ...warning } of [...warnings, ...exposed]) log.warn({ hint }, formatProblem(warning))
  if (process.getuid?.() === 0)
    log.warn(
      {
        hint: 'run it as a user of its own: the systemd unit in deploy/ does, and says how ports below 1024 are had',
      },
      'the bridge runs as root, which it never needs',
    )
}

async function runUntilSignal(options: {
  readonly loaded: UsableConfig
  readonly load: () => LoadedConfig
  readonly log: Log
}): Promise<void> {
  const { loaded, log } = options
  const { config, file } = loaded
  const manager = findServiceManager(process.env, log)
  const reloads = createReloads({ ...options, manager })
  let stopCatching = (): void => undefined
  try {
    const bridge = await startBridge(config, log)
    stopCatching = catchTheUncaught(log, () => bridge.stop(AbortSignal.abort()))
    log.info({ ...bridge.addresses, config: file ?? 'built-in defaults', devices: config.devices.length }, 'ready')
    reloads.follow(bridge)
    process.on('SIGHUP', reloads.reload)
    manager.ready()
    const signal = await nextSignal()
    manager.stopping()
    process.off('SIGHUP', reloads.reload)
    await stop(bridge, signal, log)
  } finally {
    reloads.close()
    stopCatching()
  }
}

/** Stops in order, or at once with the next signal. */
async function stop(bridge: Bridge, signal: NodeJS.Signals, log: Log): Promise<void> {
  const { sessions } = await bridge.fleet.counts()
  log.info({ signal, sessions, drainSeconds: bridge.drainTimeout() / 1000 }, 'stopping')
  const force = new AbortController()
  const forced = nextSignal().then((again) => {
    log.info({ signal: again }, 'stopping at once')
    force.abort()
  })
  inBackground('command', forced)
  await bridge.stop(force.signal)
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
