import type { Config, UserConfig } from '../config/schema.js'
import { keysThatWait, untilRestart } from '../config/restart-keys.js'
import type { Fleet } from '../fleet/fleet.js'
import { type Work, workOn } from '../lib/current-work.js'
import { createLiveValue } from '../lib/live-value.js'
import { whyCiphersAreSlow } from '../ssh/ssh2/load.js'
import { assertSupportedSsh2 } from '../ssh/ssh2/supported-version.js'
import type { StoreFailure } from '../store/store.js'
import type { Log } from '../telemetry/log.js'
import type { ReadConfig } from './about-the-bridge.js'
import { openStores } from './open-stores.js'
import { startCluster } from './start-cluster.js'
import { settingsFrom, usersFrom } from './settings.js'
import { startHttp } from './start-http.js'
import { type NorthboundAddresses, startNorthbound } from './start-northbound.js'
import { startSouthbound } from './start-southbound.js'
import { startTelemetry, watchStalls } from './start-telemetry.js'
import { createShutdown } from './stop-bridge.js'
import { watchCertificates } from './watch-certificates.js'

/** A running bridge. */
export interface Bridge {
  readonly fleet: Fleet
  readonly addresses: BridgeAddresses
  /** The host keys that clients see, as `known_hosts` holds them. */
  readonly hostKeys: readonly string[]
  /**
   * Applies a new configuration; links and sessions are kept. Throws `StartError` and changes nothing when it cannot be
   * applied, because a file that it names is of no use say.
   *
   * @returns the keys that have changed and wait for a restart, such as `endpoint.ssh.port`
   */
  readonly configure: (config: Config) => Promise<readonly string[]>
  /** Applies other users, and nothing else. */
  readonly configureUsers: (users: readonly UserConfig[]) => Promise<void>
  /**
   * Takes no more devices, clients and calls, lets sessions and calls that are under way end for `drain-timeout`, and
   * ends what is left: clients first, links last. `force` ends the waiting.
   */
  readonly stop: (force?: AbortSignal) => Promise<void>
  /** Milliseconds that `stop` waits at most. */
  readonly drainTimeout: () => number
  /** Resolves when another node has taken over from this one, which then has to be stopped at once. */
  readonly replaced: Promise<StoreFailure>
}

/** What the bridge listens on: `address:port` that devices dial and that clients dial. */
export interface BridgeAddresses extends NorthboundAddresses {
  readonly callHome: string
  /** The URL of the HTTP API, unless it is switched off. */
  readonly http?: string
}

const RELOAD: Work = { kind: 'reload' }

/**
 * Builds the rooms of a node and starts them in order: what devices meet, what clients meet, the HTTP API. They listen
 * once all of them are there, clients first. A start that fails closes what it has opened. Throws `StartError`.
 *
 * @param record of the file that the configuration came from, for whoever asks the bridge about itself
 */
export async function startBridge(config: Config, log: Log, record?: ReadConfig): Promise<Bridge> {
  assertSupportedSsh2()
  logNativeCrypto(log)
  const settings = createLiveValue(await settingsFrom(config))
  const shutdown = createShutdown(log)
  try {
    const foundation = await startTelemetry({ settings, readConfig: record, log, shutdown })
    watchCertificates(foundation)
    const stores = await openStores(foundation)
    const cluster = await startCluster(foundation, stores)
    const southbound = startSouthbound(foundation, stores, cluster)
    const northbound = startNorthbound(foundation, stores, southbound)
    const http = await startHttp(foundation, { stores, southbound, northbound, cluster })

    const endpoints = await northbound.listen()
    const callHome = await southbound.listen()
    const url = await http.listen()
    const addresses: BridgeAddresses = { ...endpoints, callHome, ...(url === undefined ? {} : { http: url }) }
    http.noteStarted(addresses)
    // Before, nobody waited.
    watchStalls(foundation)

    const { fleet } = southbound
    return {
      fleet,
      addresses,
      hostKeys: stores.hostKeys.lines,
      configure: async (next) => {
        workOn(RELOAD)
        await settings.change(await settingsFrom(untilRestart(config, next)))
        return keysThatWait(config, next)
      },
      configureUsers: (users) => settings.change({ ...settings.current, users: usersFrom(users) }),
      stop: async (force) => {
        const { drainTimeout } = settings.current
        await shutdown.stop({ drainTimeout, force, onCutOff: () => logCutOff(fleet, log) })
      },
      drainTimeout: () => settings.current.drainTimeout,
      replaced: cluster === undefined ? stores.replaced : cluster.replaced,
    }
  } catch (error) {
    await shutdown.stop({ drainTimeout: 0, force: AbortSignal.abort() })
    throw error
  }
}

function logNativeCrypto(log: Log): void {
  const fault = whyCiphersAreSlow()
  if (fault === undefined) log.debug('ssh2 runs with its compiled addon')
  else log.warn({ ...fault }, 'ssh2 runs without its compiled addon: sessions are two to three times slower')
}

async function logCutOff(fleet: Fleet, log: Log): Promise<void> {
  log.warn({ sessions: (await fleet.sessions()).length }, 'sessions and calls under way are cut off')
}
