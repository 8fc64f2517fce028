import type { Config } from '../config/schema.js'
import { createFleet, type Fleet } from '../fleet/fleet.js'
import { createSshEndpoint } from '../northbound/ssh/server.js'
import { createCallHomeListener } from '../southbound/listener.js'
import { loadHostKeys } from '../ssh/host-keys.js'
import { fingerprintOf, publicKeyLine } from '../ssh/public-key.js'
import { assertSupportedSsh2, nativeCryptoAvailable } from '../ssh/ssh2-internals.js'
import type { Log } from '../telemetry/log.js'
import { listen } from './listen.js'
import { logFleetEvents } from './log-fleet-events.js'
import { accessFrom, settingsFrom, trustFrom } from './settings.js'
import { StartProblem } from './start-problem.js'

/** A running bridge. */
export interface Bridge {
  readonly fleet: Fleet
  /** `address:port` that devices dial, and that clients dial. */
  readonly addresses: { readonly callHome: string; readonly endpoint: string }
  /** The host keys that clients see, as `known_hosts` holds them. */
  readonly hostKeys: readonly string[]
  /** Applies a new configuration; links and sessions are kept. Throws `StartProblem` and changes nothing when a file that it names is of no use. */
  configure(config: Config): Promise<void>
  stop(): Promise<void>
}

/** Builds the rooms of a node and starts them in order. Throws `StartProblem`. */
export async function startBridge(config: Config, log: Log): Promise<Bridge> {
  assertSupportedSsh2()
  if (nativeCryptoAvailable()) log.debug('ssh2 runs with its compiled addon')
  else
    log.warn(
      { hint: 'install make and g++, then run `npm rebuild ssh2`' },
      'ssh2 runs without its compiled addon: sessions are two to three times slower',
    )

  let settings = await settingsFrom(config)
  const fleet = createFleet({ devices: settings.devices, limits: settings.fleetLimits })
  logFleetEvents(fleet.events, log)

  const callHome = createCallHomeListener(
    fleet,
    trustFrom(() => settings),
    settings.callHomeLimits,
  )
  const hostKeys = await hostKeysOf(config, log)
  const endpoint = createSshEndpoint(
    fleet,
    accessFrom(() => settings),
    hostKeys,
    settings.endpointLimits,
    log,
  )
  const stop = async (): Promise<void> => {
    callHome.close()
    endpoint.close()
    fleet.close()
  }

  try {
    // After it listens, an error is one failed accept, for want of file descriptors say: the next one may succeed.
    for (const { server } of [callHome, endpoint])
      server.on('error', (error: NodeJS.ErrnoException) => {
        if (server.listening)
          log.error({ code: error.code, hint: 'raise LimitNOFILE' }, `connection not accepted: ${error.message}`)
      })
    const addresses = {
      endpoint: await listen(endpoint.server, {
        key: 'endpoint.ssh',
        socketName: 'endpoint-ssh',
        ...config.endpoint.ssh,
      }),
      callHome: await listen(callHome.server, {
        key: 'call-home.ssh',
        socketName: 'call-home-ssh',
        ...config.callHome.ssh,
      }),
    }
    return {
      fleet,
      addresses,
      hostKeys: hostKeys.map((key) => publicKeyLine({ type: key.type, blob: key.getPublicSSH() })),
      configure: async (next) => {
        settings = await settingsFrom(next)
        callHome.configure(settings.callHomeLimits)
        endpoint.configure(settings.endpointLimits)
        fleet.configure(settings.devices, settings.fleetLimits)
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function hostKeysOf({ endpoint, dataDir }: Config, log: Log) {
  const loaded = await loadHostKeys(endpoint.ssh.hostKeys, dataDir).catch((error: NodeJS.ErrnoException) => {
    throw new StartProblem(
      `data-dir: cannot write the bridge's host keys to ${dataDir} (${error.code ?? error.message})`,
      'give a directory that the user of the bridge may write, or name endpoint.ssh.host-keys',
    )
  })
  if (!loaded.ok)
    throw new StartProblem(`endpoint.ssh.host-keys: ${loaded.file}: ${loaded.problem.message}`, loaded.problem.hint)
  for (const file of loaded.generated) log.info({ file }, 'host key generated')
  for (const key of loaded.keys)
    log.info({ type: key.type, fingerprint: fingerprintOf(key.getPublicSSH()) }, 'host key')
  return loaded.keys
}
