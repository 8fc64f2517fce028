import type { AddressInfo, Server } from 'node:net'
import type { EndpointRanges } from '../fleet/endpoints/endpoint-assignments.js'
import { within } from '../lib/deadline.js'
import { createEntryPoints } from '../northbound/ssh/entry-points.js'
import { createSshEndpoint, type SshEndpoint } from '../northbound/ssh/server.js'
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
  /** Takes clients from now on. Throws `StartError`. */
  readonly listen: () => Promise<NorthboundAddresses>
}

/** Bound addresses, `address:port`. */
export interface NorthboundAddresses {
  readonly endpoint: string
  /** The endpoint's further ports, where there are any. */
  readonly furtherEndpoints?: readonly string[]
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
  measure(() => ({ clients: endpoint.connections, clientHandshakes: endpoint.handshakes }))
  return {
    access,
    rights,
    endpoint,
    listen: async () => {
      for (const server of servers) logFailedAccepts(server, log)
      const addresses = await listenForClients(settings.current, endpoint.server, further)
      followOwnEndpoints(foundation, stores, { shared, ownListeners })
      await ownListeners.openAtStart()
      return addresses
    },
  }
}

/** Has what was decided hold for what is live, too. */
function followRights({ settings, events }: Foundation, { live }: ConfiguredAccess): RightsChanges {
  const rights = createRightsChanges()
  rights.onChange(() => live.recheck())
  settings.onChange(({ users }) => users, rights.noteChange)
  // The labels of a device may have changed with it.
  events.subscribe({ decided: rights.noteChange })
  return rights
}

function createEndpoint(
  { settings, log, metrics, tracer }: Foundation,
  { hostKeys, audit, ownEndpoints }: Stores,
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
    access,
    auditLog: audit.auditLog,
    entryPoints,
    limits: settings.current.endpointLimits,
    log,
    metrics: metrics.clients,
    sources: southbound.sources,
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
    reservedPorts: [...bound.ports, callHome.ssh.port, ...(endpoint.http.port === 'none' ? [] : [endpoint.http.port])],
    reservedAddresses: [bound.address, ...ofThisMachine],
  }
}
