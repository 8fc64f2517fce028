import { createHash } from 'node:crypto'
import type { EndpointLease } from '../../store/endpoint-lease.js'
import type { Store, StoreFailure } from '../../store/store.js'
import type { DeviceEndpoint, DeviceEndpoints } from './device-endpoint.js'
import { createDeviceNames } from './device-names.js'
import type { AddressPrefix } from '../../net/ip.js'
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

/** What one device has, and whether its port was given rather than fixed in the configuration. */
export interface AssignedEndpoint extends DeviceEndpoint {
  readonly deviceId: string
  readonly portGiven: boolean
  readonly addressGiven: boolean
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
  /** Gives a device another port, because its own is taken by somebody else on this machine. */
  readonly replacePort: (deviceId: string, port: number) => void
}

export async function createEndpointAssignments(options: {
  readonly store: Pick<Store, 'endpoints'>
  /** Devices are reached elsewhere than before. */
  readonly changed: () => void
  readonly onProblem: (failure: EndpointProblem) => void
}): Promise<EndpointAssignments> {
  const { store, changed, onProblem } = options
  /** All that was ever given and not released, also to devices that are not in the fleet at present. */
  const given = new Map((await store.endpoints.list()).map((endpoint) => [endpoint.deviceId, endpoint]))
  const ports = heldBy(given, 'port')
  const addresses = heldBy(given, 'address')
  const unusablePorts = new Set<number>()
  let devices = new Map<string, Device>()
  let names = createDeviceNames()
  let fixed: Fixed = { ports: new Set(), addresses: new Set() }
  let assigned = new Map<string, AssignedEndpoint>()
  let byAddress = new Map<string, string>()
  let ranges: EndpointRanges = { reservedPorts: [], reservedAddresses: [] }
  let pools: Pools = {}
  const unwritten = new Set<string>()
  let writing = Promise.resolve()

  const setGiven = (deviceId: string, next: Omit<EndpointLease, 'deviceId'>): void => {
    const old = given.get(deviceId)
    if (old?.port === next.port && old?.address === next.address) return
    if (old?.port !== undefined && ports.get(old.port) === deviceId) ports.delete(old.port)
    if (old?.address !== undefined && addresses.get(old.address) === deviceId) addresses.delete(old.address)
    if (next.port !== undefined) ports.set(next.port, deviceId)
    if (next.address !== undefined) addresses.set(next.address, deviceId)
    if (next.port === undefined && next.address === undefined) given.delete(deviceId)
    else given.set(deviceId, { deviceId, ...next })
    unwritten.add(deviceId)
  }

  /** Takes what a device that is not in the fleet still has, for want of anything free. */
  const reclaim = <K extends 'port' | 'address'>(key: K): NonNullable<EndpointLease[K]> | undefined => {
    for (const [deviceId, endpoint] of given) {
      const value = endpoint[key]
      if (value === undefined || devices.has(deviceId) || !pools[key]?.holds(value as never)) continue
      const { [key]: _taken, deviceId: _id, ...rest } = endpoint
      setGiven(deviceId, rest)
      return value
    }
    return undefined
  }

  /** What is given to a device, or undefined when nothing is left. */
  const give = <K extends 'port' | 'address'>(
    key: K,
    pool: EndpointPool<NonNullable<EndpointLease[K]>>,
    deviceId: string,
    isTaken: (value: NonNullable<EndpointLease[K]>) => boolean,
    mostTaken: number,
  ): NonNullable<EndpointLease[K]> | undefined => {
    if (pool.size === 0n) return undefined
    const begin = hashOf(deviceId) % pool.size
    for (let step = 0n; step < pool.size && step <= BigInt(mostTaken); step += 1n) {
      const value = pool.at((begin + step) % pool.size)
      if (!isTaken(value)) return value
    }
    return reclaim(key)
  }

  /** Decides on some devices; the others keep what they have. */
  const assign = (some: Iterable<Device>): void => {
    const reservedPorts = new Set([...ranges.reservedPorts, ...unusablePorts])
    const reservedAddresses = new Set(ranges.reservedAddresses)
    const lacking = { port: [] as string[], address: [] as string[] }
    const moved = { port: [] as string[], address: [] as string[] }
    for (const { id, endpoint = {} } of some) {
      const kept = given.get(id)
      const next: { port?: number; address?: string } = {}
      if (endpoint.port === undefined && pools.port !== undefined) {
        const usable = (port: number): boolean => !fixed.ports.has(port) && !unusablePorts.has(port)
        if (kept?.port !== undefined && pools.port.holds(kept.port) && usable(kept.port)) next.port = kept.port
        else {
          const isTaken = (port: number): boolean => ports.has(port) || reservedPorts.has(port) || fixed.ports.has(port)
          const port = give('port', pools.port, id, isTaken, ports.size + reservedPorts.size + fixed.ports.size)
          if (port === undefined) lacking.port.push(id)
          else next.port = port
          if (kept?.port !== undefined) moved.port.push(id)
        }
      } else if (endpoint.port === undefined && kept?.port !== undefined) next.port = kept.port
      if (endpoint.address === undefined && pools.address !== undefined) {
        if (kept?.address !== undefined && pools.address.holds(kept.address) && !fixed.addresses.has(kept.address))
          next.address = kept.address
        else {
          const isTaken = (address: string): boolean =>
            addresses.has(address) || reservedAddresses.has(address) || fixed.addresses.has(address)
          const most = addresses.size + reservedAddresses.size + fixed.addresses.size
          const address = give('address', pools.address, id, isTaken, most)
          if (address === undefined) lacking.address.push(id)
          else next.address = address
          if (kept?.address !== undefined) moved.address.push(id)
        }
      } else if (endpoint.address === undefined && kept?.address !== undefined) next.address = kept.address
      setGiven(id, next)
      show(id, endpoint, next)
    }
    tell(lacking, moved)
  }

  const show = (deviceId: string, fixed: DeviceEndpoint, next: DeviceEndpoint): void => {
    const before = assigned.get(deviceId)
    if (before?.address !== undefined && byAddress.get(before.address) === deviceId) byAddress.delete(before.address)
    // What was given before the range was taken out of the configuration is kept, but not in use.
    const port = fixed.port ?? (pools.port === undefined ? undefined : next.port)
    const address = fixed.address ?? (pools.address === undefined ? undefined : next.address)
    if (port === undefined && address === undefined) {
      assigned.delete(deviceId)
      return
    }
    assigned.set(deviceId, {
      deviceId,
      ...(port === undefined ? {} : { port }),
      ...(address === undefined ? {} : { address }),
      portGiven: fixed.port === undefined,
      addressGiven: fixed.address === undefined,
    })
    if (address !== undefined) byAddress.set(address, deviceId)
  }

  const tell = (lacking: PerKey<string[]>, moved: PerKey<string[]>): void => {
    for (const key of ['port', 'address'] as const) {
      const range = key === 'port' ? 'endpoint.ssh.device-ports' : 'endpoint.ssh.device-addresses'
      const without = lacking[key]
      if (without.length > 0)
        onProblem({
          reason: key === 'port' ? 'ports-exhausted' : 'addresses-exhausted',
          message: `${range} has no ${key} left for ${without.length} ${without.length === 1 ? 'device' : 'devices'}`,
          hint: `make ${range} larger, or forget devices that are gone; until then they are reached by login name`,
          deviceIds: without,
        })
      const elsewhere = moved[key].filter((id) => !without.includes(id))
      if (elsewhere.length > 0)
        onProblem({
          reason: key === 'port' ? 'port-moved' : 'address-moved',
          message: `another ${key} was given to ${elsewhere.length} ${elsewhere.length === 1 ? 'device' : 'devices'}, because the one before is outside the range or somebody else's`,
          hint: 'clients that know the old one must learn the new one: homeport devices hosts',
          deviceIds: elsewhere,
        })
    }
  }

  /** What is in memory counts: it stays right when the disk is full. */
  const write = (): void => {
    const ids = [...unwritten]
    if (ids.length === 0) return
    unwritten.clear()
    const give = ids.flatMap((id) => given.get(id) ?? [])
    const release = ids.filter((id) => !given.has(id))
    writing = writing.then(async () => {
      const result = await store.endpoints.change({ give, release })
      if (result.ok) return
      for (const id of ids) unwritten.add(id)
      onProblem(notWritten(result.failure, ids))
    })
  }

  const done = (): void => {
    write()
    changed()
  }

  return {
    of: (deviceId) => {
      const endpoint = assigned.get(deviceId)
      if (endpoint === undefined) return undefined
      const { port, address } = endpoint
      return { ...(port === undefined ? {} : { port }), ...(address === undefined ? {} : { address }) }
    },
    atAddress: (address) => byAddress.get(address),
    named: (name) => names.find(name),
    namesOf: (deviceId) => {
      const device = devices.get(deviceId)
      return device === undefined ? [] : names.of(device)
    },
    all: () => [...assigned.values()],
    configure: (nextDevices, nextRanges) => {
      devices = new Map(nextDevices.map((device) => [device.id, device]))
      ranges = nextRanges
      pools = poolsOf(nextRanges)
      assigned = new Map()
      byAddress = new Map()
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
      setGiven(deviceId, {})
      write()
    },
    replacePort: (deviceId, port) => {
      unusablePorts.add(port)
      const device = devices.get(deviceId)
      if (device === undefined || assigned.get(deviceId)?.port !== port) return
      assign([device])
      done()
    },
  }
}

type PerKey<T> = { readonly port: T; readonly address: T }

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

function heldBy<K extends 'port' | 'address'>(
  given: ReadonlyMap<string, EndpointLease>,
  key: K,
): Map<NonNullable<EndpointLease[K]>, string> {
  const held = new Map<NonNullable<EndpointLease[K]>, string>()
  for (const [deviceId, { [key]: value }] of given) if (value !== undefined) held.set(value, deviceId)
  return held
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
