import { inBackground } from '../../lib/background.js'
import { counted } from '../../lib/counted.js'
import { createHash } from 'node:crypto'
import type { Store, StoreFailure } from '../../store/store.js'
import type { DeviceEndpoint, DeviceEndpoints } from './device-endpoint.js'
import { createDeviceNames } from './device-names.js'
import type { AddressPrefix } from '../../net/ip.js'
import { type EndpointKind, type EndpointValue, openEndpointLeases } from './endpoint-leases.js'
import { type AssignedEndpoint, createEndpointsInUse } from './endpoints-in-use.js'
import { addressPool, type EndpointPool, type PortRange, portPool } from './endpoint-pool.js'
import type { Device } from '../device.js'

/** What is given out, and what of it never is because somebody else has it. */
export interface EndpointRanges {
  readonly ports?: PortRange
  readonly addresses?: AddressPrefix
  readonly reservedPorts: readonly number[]
  readonly reservedAddresses: readonly string[]
}

/** Something that operators must know about ports and addresses of devices. */
export interface EndpointProblem {
  readonly reason: 'ports-exhausted' | 'addresses-exhausted' | 'port-moved' | 'address-moved' | 'not-written'
  readonly message: string
  readonly hint: string
  readonly deviceIds: readonly string[]
}

/** Gives each device in the fleet a port and an address of its own, out of ranges, and keeps to it across restarts. */
export interface EndpointAssignments extends DeviceEndpoints {
  /** Every device that has something of its own. */
  readonly all: () => readonly AssignedEndpoint[]
  /**
   * Applies who is in the fleet now and what there is to give. What a device has, it keeps where that is still
   * possible.
   */
  readonly configure: (devices: readonly Device[], ranges: EndpointRanges) => void
  readonly add: (device: Device) => void
  /** Lets go of what was given to a device that was forgotten; it may be given to another one. */
  readonly release: (deviceId: string) => void
  /** Takes in what other nodes have given. Settles once all is read that was there when it was called. */
  readonly follow: () => Promise<void>
  /** Gives a device another port, because its own is taken by somebody else on this machine. */
  readonly replacePort: (deviceId: string, port: number) => void
}

/** Of ports, or of addresses: what there is to give, and who has what of it. */
interface Supply<K extends EndpointKind> {
  readonly kind: K
  readonly pool: EndpointPool<EndpointValue<K>> | undefined
  readonly held: ReadonlyMap<EndpointValue<K>, string>
  /** Never given; a device that has one of them already may keep it. */
  readonly reserved: ReadonlySet<EndpointValue<K>>
  /** What the configuration gives to devices; it is given to nobody else. */
  readonly fixed: ReadonlySet<EndpointValue<K>>
  readonly isUsable: (value: EndpointValue<K>) => boolean
  /** Devices that nothing was left for. */
  readonly lacking: string[]
  /** Devices that cannot keep what they had. */
  readonly moved: string[]
}

/** Begins with what the store says was given before; nobody has anything in use until `configure` is called. */
export async function createEndpointAssignments(options: {
  readonly store: Pick<Store, 'endpoints'>
  /** Devices are reached elsewhere than before. */
  readonly changed: () => void
  readonly onProblem: (failure: EndpointProblem) => void
}): Promise<EndpointAssignments> {
  const { store, changed, onProblem } = options
  const leases = await openEndpointLeases({
    store,
    onNotWritten: (failure, deviceIds) => onProblem(notWritten(failure, deviceIds)),
    onTaken: () => inBackground('store', follow()),
  })
  const unusablePorts = new Set<number>()
  let devices = new Map<string, Device>()
  let names = createDeviceNames()
  let fixed: Fixed = { ports: new Set(), addresses: new Set() }
  let inUse = createEndpointsInUse()
  let ranges: EndpointRanges = { reservedPorts: [], reservedAddresses: [] }
  let pools: Pools = {}

  /** What a device keeps, else what it is given. */
  const decide = <K extends EndpointKind>(deviceId: string, supply: Supply<K>): EndpointValue<K> | undefined => {
    const { kind, pool } = supply
    const kept: EndpointValue<K> | undefined = leases.of(deviceId)?.[kind]
    if (pool === undefined) return kept
    if (kept !== undefined && pool.holds(kept) && !supply.fixed.has(kept) && supply.isUsable(kept)) return kept
    const value =
      firstFree(deviceId, pool, supply) ??
      leases.reclaim(kind, (holder, held) => !devices.has(holder) && pool.holds(held))
    if (value === undefined) supply.lacking.push(deviceId)
    if (kept !== undefined) supply.moved.push(deviceId)
    return value
  }

  const portSupply = (): Supply<'port'> => ({
    kind: 'port',
    pool: pools.port,
    held: leases.ports,
    reserved: new Set([...ranges.reservedPorts, ...unusablePorts]),
    fixed: fixed.ports,
    isUsable: (port) => !unusablePorts.has(port),
    lacking: [],
    moved: [],
  })
  const addressSupply = (): Supply<'address'> => ({
    kind: 'address',
    pool: pools.address,
    held: leases.addresses,
    reserved: new Set(ranges.reservedAddresses),
    fixed: fixed.addresses,
    isUsable: () => true,
    lacking: [],
    moved: [],
  })

  /** Decides on some devices; the others keep what they have. */
  const assign = (some: Iterable<Device>): void => {
    const ports = portSupply()
    const addresses = addressSupply()
    for (const { id, endpoint = {} } of some) {
      const port = endpoint.port === undefined ? decide(id, ports) : undefined
      const address = endpoint.address === undefined ? decide(id, addresses) : undefined
      leases.set(id, endpointOf(port, address))
      // What was given before the range was taken out of the configuration is kept, but not in use.
      const given = endpointOf(
        pools.port === undefined ? undefined : port,
        pools.address === undefined ? undefined : address,
      )
      inUse.set(id, { fixed: endpoint, given })
    }
    for (const supply of [ports, addresses]) for (const problem of problemsOf(supply)) onProblem(problem)
  }

  const done = (): void => {
    leases.write()
    changed()
  }

  const adopt = (deviceId: string): void => {
    const device = devices.get(deviceId)
    if (device === undefined) return
    const { endpoint = {} } = device
    const { port, address } = leases.of(deviceId) ?? {}
    const given = endpointOf(
      pools.port === undefined || endpoint.port !== undefined ? undefined : port,
      pools.address === undefined || endpoint.address !== undefined ? undefined : address,
    )
    inUse.set(deviceId, { fixed: endpoint, given })
  }

  const followOnce = async (): Promise<void> => {
    // The store tells of itself where it cannot be read; it is followed again with the next change.
    const followed = await leases.follow().catch(() => undefined)
    if (followed === undefined) return
    const { moved, taken } = followed
    // What another node gave is taken as it is, although this one would have given something else: two nodes with
    // different ranges would otherwise change it back and forth for ever.
    for (const id of moved) adopt(id)
    assign(taken.flatMap((id) => devices.get(id) ?? []))
    if (moved.length > 0 || taken.length > 0) done()
  }
  /** The one that has yet to begin, behind the one that reads: all who ask meanwhile wait for it together. */
  let last = Promise.resolve()
  let waiting: Promise<void> | undefined
  const follow = (): Promise<void> => {
    const before = last.catch(() => undefined)
    waiting ??= before.then(() => {
      waiting = undefined
      last = followOnce()
      return last
    })
    return waiting
  }

  return {
    of: (deviceId) => {
      const endpoint = inUse.of(deviceId)
      return endpoint === undefined ? undefined : endpointOf(endpoint.port, endpoint.address)
    },
    atAddress: (address) => inUse.atAddress(address),
    named: (name) => names.find(name),
    namesOf: (deviceId) => {
      const device = devices.get(deviceId)
      return device === undefined ? [] : names.of(device)
    },
    all: () => inUse.all(),
    configure: (nextDevices, nextRanges) => {
      devices = new Map(nextDevices.map((device) => [device.id, device]))
      ranges = nextRanges
      pools = poolsOf(nextRanges)
      inUse = createEndpointsInUse()
      fixed = fixedBy(nextDevices)
      names = createDeviceNames()
      for (const device of nextDevices) names.learn(device)
      assign(nextDevices)
      done()
    },
    add: (device) => {
      if (devices.has(device.id)) return
      devices.set(device.id, device)
      names.learn(device)
      assign([device])
      done()
    },
    release: (deviceId) => {
      leases.set(deviceId, {})
      leases.write()
    },
    follow,
    replacePort: (deviceId, port) => {
      unusablePorts.add(port)
      const device = devices.get(deviceId)
      if (device === undefined || inUse.of(deviceId)?.port !== port) return
      assign([device])
      done()
    },
  }
}

/** The first port or address that nobody has, from a place on that the device's id tells. */
function firstFree<K extends EndpointKind>(
  deviceId: string,
  pool: EndpointPool<EndpointValue<K>>,
  { held, reserved, fixed }: Supply<K>,
): EndpointValue<K> | undefined {
  if (pool.size === 0n) return undefined
  const mostTaken = BigInt(held.size + reserved.size + fixed.size)
  const begin = hashOf(deviceId) % pool.size
  for (let step = 0n; step < pool.size && step <= mostTaken; step += 1n) {
    const value = pool.at((begin + step) % pool.size)
    if (!held.has(value) && !reserved.has(value) && !fixed.has(value)) return value
  }
  return undefined
}

function endpointOf(port: number | undefined, address: string | undefined): DeviceEndpoint {
  return { ...(port === undefined ? {} : { port }), ...(address === undefined ? {} : { address }) }
}

/** What operators must know after devices were assigned what they have. */
function problemsOf({ kind, lacking, moved }: Pick<Supply<EndpointKind>, 'kind' | 'lacking' | 'moved'>) {
  const problems: EndpointProblem[] = []
  const range = kind === 'port' ? 'endpoint.ssh.device-ports' : 'endpoint.ssh.device-addresses'
  if (lacking.length > 0)
    problems.push({
      reason: kind === 'port' ? 'ports-exhausted' : 'addresses-exhausted',
      message: `${range} has no ${kind} left for ${counted(lacking.length, 'device')}`,
      hint: `make ${range} larger, or forget devices that are gone; until then they are reached by login name`,
      deviceIds: lacking,
    })
  const elsewhere = moved.filter((id) => !lacking.includes(id))
  if (elsewhere.length > 0)
    problems.push({
      reason: kind === 'port' ? 'port-moved' : 'address-moved',
      message:
        `another ${kind} was given to ${counted(elsewhere.length, 'device')}, ` +
        "because the one before is outside the range or somebody else's",
      hint: 'clients that know the old one must learn the new one: homeport devices hosts',
      deviceIds: elsewhere,
    })
  return problems
}

interface Pools {
  readonly port?: EndpointPool<number>
  readonly address?: EndpointPool<string>
}

function poolsOf({ ports, addresses }: EndpointRanges): Pools {
  return {
    ...(ports === undefined ? {} : { port: portPool(ports) }),
    ...(addresses === undefined ? {} : { address: addressPool(addresses) }),
  }
}

/** What the configuration gives to devices; it is given to nobody else. */
interface Fixed {
  readonly ports: ReadonlySet<number>
  readonly addresses: ReadonlySet<string>
}

function fixedBy(devices: Iterable<Device>): Fixed {
  const ports = new Set<number>()
  const addresses = new Set<string>()
  for (const { endpoint } of devices) {
    if (endpoint?.port !== undefined) ports.add(endpoint.port)
    if (endpoint?.address !== undefined) addresses.add(endpoint.address)
  }
  return { ports, addresses }
}

/**
 * A place to begin to look: the same for the same id, so that a device tends to get the same even when the store was
 * lost.
 */
function hashOf(deviceId: string): bigint {
  return BigInt(`0x${createHash('sha256').update(deviceId.toLowerCase()).digest('hex').slice(0, 32)}`)
}

function notWritten({ message, hint }: StoreFailure, deviceIds: readonly string[]): EndpointProblem {
  return {
    reason: 'not-written',
    message: `ports and addresses were given, but not written: ${message}`,
    hint,
    deviceIds,
  }
}
