import type { AddressInfo, Server } from 'node:net'
import type { EndpointRanges } from '../fleet/endpoints/endpoint-assignments.js'
import { within } from '../lib/deadline.js'
import { createEntryPoints } from '../northbound/ssh/entry-points.js'
import { createSshEndpoint, type SshEndpoint } from '../northbound/ssh/server.js'
import { hostKeysFor } from '../ssh/ssh2/keys.js'
import type { Log } from '../telemetry/log.js'
import { type ConfiguredAccess, createAccess } from './access.js'
import { addressesOfThisMachine } from './addresses-of-this-machine.js'
import { createOwnEndpointListeners, type OwnEndpointListeners, type SharedEndpoint } from './own-endpoint-listeners.js'
import { namesOfBridge } from './host-keys.js'
import { listen, logFailedAccepts } from './listen.js'
import type { Stores } from './open-stores.js'
import { createRightsChanges, type RightsChanges } from './rights-changes.js'
import type { Settings } from './settings.js'
import type { Southbound } from './start-southbound.js'
import type { Foundation } from './start-telemetry.js'

/** The clients that come over SSH: who they are, and where they come in. */
export interface Northbound {
  readonly access: ConfiguredAccess
  readonly rights: RightsChanges
  readonly endpoint: Pick<SshEndpoint, 'server'>
  /** The port where clients reach all devices. */
  readonly clientPort: () => number
  /** Takes clients from now on. Throws `StartError`. */
  readonly listen: () => Promise<NorthboundAddresses>
}

/** Bound addresses, `address:port`. */
export interface NorthboundAddresses {
  readonly endpoint: string
  /** The endpoint's further ports, where there are any. */
  readonly furtherEndpoints?: readonly string[]
  /** Where old clients log in, where there is a listener for them. */
  readonly legacyEndpoint?: string
}

/** A server of the endpoint, and its port in the configuration. */
interface FurtherPort {
  readonly port: number
  readonly server: Server
}

/** Milliseconds that clients get to take leave once their sessions are over. */
const FAREWELL_TIMEOUT = 2_000

/** Third stage of the start: everything that clients meet who come over SSH. Nothing listens yet. */
export function startNorthbound(foundation: Foundation, stores: Stores, southbound: Southbound): Northbound {
  const { settings, log, shutdown, metrics, measure } = foundation
  const access = createAccess(settings, log, metrics.clients)
  const rights = followRights(foundation, access)

  const servers: Server[] = []
  const shared = (): SharedEndpoint | undefined => sharedEndpoint(servers)
  const endpoint = createEndpoint(foundation, stores, { southbound, access, shared })
  const further = settings.current.config.endpoint.ssh.furtherPorts.map((port) => ({
    port,
    server: endpoint.addServer(),
  }))
  for (const { server } of [endpoint, ...further]) servers.push(server)
  const legacyServer = settings.current.legacyAccess === undefined ? undefined : endpoint.addLegacyServer()
  shutdown.refuse(() => endpoint.stopListening())
  // Those whose sessions were ended read why before their connections are closed.
  shutdown.drain(() => within(FAREWELL_TIMEOUT, endpoint.quiet()))
  shutdown.cutOff(() => endpoint.close())

  const { ownEndpoints } = stores
  const ownListeners = createOwnEndpointListeners({
    endpoints: ownEndpoints,
    serve: (socket, entryPoint) => endpoint.serve(socket, entryPoint),
    shared,
    log,
  })
  shutdown.refuse(() => ownListeners.close())
  measure(() => ({
    clients: endpoint.connections,
    clientKeyExchanges: endpoint.keyExchanges(),
    clientHandshakes: endpoint.handshakes,
  }))
  return {
    access,
    rights,
    endpoint,
    clientPort: () => shared()?.ports[0] ?? settings.current.config.endpoint.ssh.port,
    listen: async () => {
      for (const server of servers) logFailedAccepts(server, log)
      const addresses = await listenForClients(settings.current, endpoint.server, further)
      const legacy = legacyServer === undefined ? {} : await listenForOldClients(foundation, stores, legacyServer)
      followOwnEndpoints(foundation, stores, { shared, ownListeners })
      await ownListeners.openAtStart()
      return { ...addresses, ...legacy }
    },
  }
}

/** Has what was decided hold for what is live, too. */
function followRights({ settings, events }: Foundation, { live }: ConfiguredAccess): RightsChanges {
  const rights = createRightsChanges()
  rights.onChange(() => live.recheck())
  settings.onChange(({ users }) => users, rights.noteChange)
  settings.onChange(({ endpointLimits }) => endpointLimits.minimumKeyExchange, rights.noteChange)
  // The labels of a device may have changed with it.
  events.subscribe({ decided: rights.noteChange, labelled: rights.noteChange })
  return rights
}

function createEndpoint(
  { settings, log, metrics, tracer }: Foundation,
  { hostKeys, audit, ownEndpoints, enrolments }: Stores,
  parts: {
    readonly southbound: Southbound
    readonly access: ConfiguredAccess
    readonly shared: () => SharedEndpoint | undefined
  },
): SshEndpoint {
  const { southbound, access, shared } = parts
  const entryPoints = createEntryPoints({
    endpoints: ownEndpoints,
    hostKeys: hostKeys.presented,
    bridgeNames: namesOfBridge(settings.current.config),
    sharedPorts: () => shared()?.ports ?? [],
  })
  const endpoint = createSshEndpoint({
    fleet: southbound.fleet,
    enrolments,
    access,
    auditLog: audit.auditLog,
    entryPoints,
    limits: settings.current.endpointLimits,
    log,
    metrics: metrics.clients,
    sources: southbound.sources,
    legacy: () => settings.current.legacyAccess,
    tracer,
  })
  settings.onChange(
    ({ endpointLimits }) => endpointLimits,
    (next) => endpoint.configure(next),
  )
  return endpoint
}

/** Makes the endpoint's servers listen, one by one, so that the first that cannot is told. */
async function listenForClients(
  { config: { endpoint } }: Settings,
  server: Server,
  further: readonly FurtherPort[],
): Promise<NorthboundAddresses> {
  const { ssh } = endpoint
  const address = await listen(server, { key: 'endpoint.ssh', socketName: 'endpoint-ssh', ...ssh })
  if (further.length === 0) return { endpoint: address }
  const furtherEndpoints: string[] = []
  for (const { port, server } of further)
    furtherEndpoints.push(await listen(server, { key: 'endpoint.ssh.further-ports', address: ssh.address, port }))
  return { endpoint: address, furtherEndpoints }
}

/** Makes the server for old clients listen. */
async function listenForOldClients(
  { settings, log }: Foundation,
  { hostKeys }: Pick<Stores, 'hostKeys'>,
  server: Server,
): Promise<Pick<NorthboundAddresses, 'legacyEndpoint'>> {
  const { config, legacyAccess } = settings.current
  const { address: shared, legacy } = config.endpoint.ssh
  if (legacy === undefined || legacyAccess === undefined) return {}
  const accepted = legacyAccess.lists.hostKeyAlgorithms
  if (hostKeysFor(hostKeys.presented.shared(), accepted).length === 0)
    log.warn(
      { hint: 'add a key of another type to endpoint.ssh.host-keys, or other names to its host-key-algorithms' },
      'no host key can be presented on endpoint.ssh.legacy: nobody can log in there',
    )
  logFailedAccepts(server, log)
  const address = legacy.address ?? shared
  return { legacyEndpoint: await listen(server, { key: 'endpoint.ssh.legacy', address, port: legacy.port }) }
}

/** Gives devices what is theirs. Only once the endpoint listens: what the bridge has bound itself is not to give. */
function followOwnEndpoints(
  { settings, log }: Foundation,
  { enrolments, ownEndpoints, devicesChanged, endpointsMoved }: Stores,
  parts: {
    readonly shared: () => SharedEndpoint | undefined
    readonly ownListeners: OwnEndpointListeners
  },
): void {
  const { shared, ownListeners } = parts
  const give = (): void => {
    const bound = shared()
    if (bound !== undefined) ownEndpoints.configure(enrolments.devices(), rangesOf(settings.current, bound, log))
  }
  give()
  devicesChanged.on(give)
  endpointsMoved.on(ownListeners.openSoon)
  settings.onChange(({ config }) => config, ownListeners.open)
}

/** Where these servers listen, the first of which decides: undefined until it does. */
function sharedEndpoint(servers: readonly Server[]): SharedEndpoint | undefined {
  const [first, ...more] = servers.flatMap((server) => (server.listening ? [server.address() as AddressInfo] : []))
  return first === undefined ? undefined : { address: first.address, ports: [first, ...more].map(({ port }) => port) }
}

/** What devices are given out of, without what the bridge and this machine need for themselves. */
function rangesOf({ endpointRanges, config }: Settings, bound: SharedEndpoint, log: Log): EndpointRanges {
  const { callHome, endpoint } = config
  const ofThisMachine = endpointRanges.addresses === undefined ? [] : addressesOfThisMachine(log)
  return {
    ...endpointRanges,
    reservedPorts: [
      ...bound.ports,
      ...(endpoint.ssh.legacy === undefined ? [] : [endpoint.ssh.legacy.port]),
      callHome.ssh.port,
      ...(endpoint.http.port === 'none' ? [] : [endpoint.http.port]),
    ],
    reservedAddresses: [bound.address, ...ofThisMachine],
  }
}
