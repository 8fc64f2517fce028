import { readFileSync } from 'node:fs'
import type { BoundAddresses, BridgeFacts } from '../northbound/http/routes/bridge.js'
import { whyCiphersAreSlow } from '../ssh/ssh2/load.js'
import type { ConfigRecord } from './config-record.js'
import { version } from './package-info.js'
import type { Settings } from './settings.js'

/** What is known of a running bridge besides its settings. */
interface Running {
  readonly settings: Pick<Settings, 'config'>
  /** How many are enrolled. */
  readonly devices: number
  readonly addresses: BoundAddresses | undefined
  readonly readConfig: ReadConfig | undefined
}

/** What is told of a configuration file that was read. */
export type ReadConfig = Pick<ConfigRecord, 'file' | 'facts'>

/** Descriptors of files, threads, listeners and whatever Node has for itself. */
const FILES_OF_ITS_OWN = 256

/** What the bridge says of itself to whoever looks for a fault. */
export function aboutTheBridge({ settings, devices, addresses, readConfig }: Running): BridgeFacts {
  return {
    version,
    node: process.version,
    compiledAddon: whyCiphersAreSlow() === undefined,
    startedAt: new Date(Date.now() - process.uptime() * 1000),
    addresses,
    openFiles: { limit: openFilesLimit(), wanted: openFilesWanted(settings.config, devices) },
    process: {
      pid: process.pid,
      uid: process.getuid?.(),
      config: readConfig?.file,
      configuration: readConfig?.facts,
      dataDir: settings.config.dataDir,
    },
  }
}

/** How many descriptors the process may have; undefined where the system does not tell. */
function openFilesLimit(): number | undefined {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return limit === undefined ? undefined : Number(limit)
  } catch {
    return undefined
  }
}

/** A connection is a descriptor: those that the bounds allow at a time, with one link for each device. */
function openFilesWanted({ callHome, endpoint }: Settings['config'], devices: number): number {
  const calls = callHome.maxHandshakes + callHome.maxQueuedHandshakes
  // What has not begun its key exchange, and what has, is bounded apart.
  const clients = endpoint.ssh.maxConnections + 2 * endpoint.ssh.maxUnauthenticated
  const proxied = [callHome.ssh, endpoint.ssh, endpoint.http].map(({ proxyProtocol: { from, maxWaiting } }) =>
    from.length === 0 ? 0 : maxWaiting,
  )
  return proxied.reduce((sum, waiting) => sum + waiting, FILES_OF_ITS_OWN + devices + calls + clients)
}
