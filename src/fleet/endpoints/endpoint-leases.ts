import type { EndpointLease } from '../../store/endpoint-lease.js'
import type { Store, StoreFailure } from '../../store/store.js'

interface EndpointValues {
  readonly port: number
  readonly address: string
}
export type EndpointKind = keyof EndpointValues
export type EndpointValue<K extends EndpointKind> = EndpointValues[K]

/**
 * All that was ever given to devices and not released, also to devices that are not in the fleet at present. What is in
 * memory counts: it stays right when the disk is full.
 */
export interface EndpointLeases {
  readonly of: (deviceId: string) => Partial<EndpointValues> | undefined
  /** Which device has which port. */
  readonly ports: ReadonlyMap<number, string>
  readonly addresses: ReadonlyMap<string, string>
  /** Lets a device have these, and nothing besides. */
  readonly set: (deviceId: string, next: Omit<EndpointLease, 'deviceId'>) => void
  /** Takes a port or an address from the first device that may lose it. */
  readonly reclaim: <K extends EndpointKind>(
    kind: K,
    mayLose: (deviceId: string, value: EndpointValue<K>) => boolean,
  ) => EndpointValue<K> | undefined
  /** Writes what was changed since this was called last. */
  readonly write: () => void
  /**
   * Takes in what other nodes have written. What this one has changed and not written yet stays, unless it was taken:
   * another device has it there. Rejects where the store cannot be read.
   */
  readonly follow: () => Promise<FollowedLeases>
}

/** What became of leases, by device. */
export interface FollowedLeases {
  /** They have what another node gave them, or nothing, because it took that back. */
  readonly moved: readonly string[]
  /** They have nothing, because another device has what they were given: they need another one. */
  readonly taken: readonly string[]
}

/**
 * @param options.onNotWritten hears of changes that the store did not take; they are written with the next ones
 * @param options.onTaken hears that another node has given to another device what was given here
 */
export async function openEndpointLeases(options: {
  readonly store: Pick<Store, 'endpoints'>
  readonly onNotWritten: (failure: StoreFailure, deviceIds: readonly string[]) => void
  readonly onTaken: () => void
}): Promise<EndpointLeases> {
  const { store, onNotWritten, onTaken } = options
  const given = new Map((await store.endpoints.list()).map((endpoint) => [endpoint.deviceId, endpoint]))
  const ports = heldBy(given, 'port')
  const addresses = heldBy(given, 'address')
  const unwritten = new Set<string>()
  let writing = Promise.resolve()

  const set: EndpointLeases['set'] = (deviceId, next) => {
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

  return {
    of: (deviceId) => given.get(deviceId),
    ports,
    addresses,
    set,
    reclaim: (kind, mayLose) => {
      for (const [deviceId, endpoint] of given) {
        const value = valueOf(endpoint, kind)
        if (value === undefined || !mayLose(deviceId, value)) continue
        const { [kind]: _taken, deviceId: _id, ...rest } = endpoint
        set(deviceId, rest)
        return value
      }
      return undefined
    },
    write: () => {
      const ids = [...unwritten]
      if (ids.length === 0) return
      unwritten.clear()
      const give = ids.flatMap((id) => given.get(id) ?? [])
      const release = ids.filter((id) => !given.has(id))
      writing = writing.then(async () => {
        const result = await store.endpoints.change({ give, release })
        if (result.ok) return
        for (const id of ids) unwritten.add(id)
        if (result.failure.reason === 'conflict') onTaken()
        else onNotWritten(result.failure, ids)
      })
    },
    follow: async () => {
      // Behind what is on its way, so that what is read has it.
      await writing
      const stored = new Map((await store.endpoints.list()).map((endpoint) => [endpoint.deviceId, endpoint]))
      const [storedPorts, storedAddresses] = [heldBy(stored, 'port'), heldBy(stored, 'address')]
      const [moved, taken]: [string[], string[]] = [[], []]
      for (const deviceId of new Set([...given.keys(), ...stored.keys()])) {
        const { port, address } = given.get(deviceId) ?? {}
        if (unwritten.has(deviceId)) {
          const isTaken =
            (port !== undefined && (storedPorts.get(port) ?? deviceId) !== deviceId) ||
            (address !== undefined && (storedAddresses.get(address) ?? deviceId) !== deviceId)
          if (isTaken) {
            set(deviceId, {})
            taken.push(deviceId)
          }
          continue
        }
        const { deviceId: _id, ...next }: EndpointLease = stored.get(deviceId) ?? { deviceId }
        if (next.port === port && next.address === address) continue
        set(deviceId, next)
        unwritten.delete(deviceId)
        moved.push(deviceId)
      }
      return { moved, taken }
    },
  }
}

function heldBy<K extends EndpointKind>(
  given: ReadonlyMap<string, EndpointLease>,
  kind: K,
): Map<EndpointValue<K>, string> {
  const held = new Map<EndpointValue<K>, string>()
  for (const [deviceId, endpoint] of given) {
    const value = valueOf(endpoint, kind)
    if (value !== undefined) held.set(value, deviceId)
  }
  return held
}

function valueOf<K extends EndpointKind>(of: Partial<EndpointValues>, kind: K): EndpointValue<K> | undefined {
  return of[kind]
}
