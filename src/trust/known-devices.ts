import type { KnownDevice } from './known-device.js'

/**
 * All that can prove devices, found by what a call brings along: among ten thousand nobody is searched for one by one.
 */
export interface KnownDevices {
  readonly byId: (id: string) => KnownDevice | undefined
  /** Whose id or alias this is, in whichever case. */
  readonly byName: (name: string) => readonly KnownDevice[]
  /** Who is bound to this host key, by its blob. */
  readonly byPin: (blob: Buffer) => readonly KnownDevice[]
  readonly bySecret: (secret: string) => readonly KnownDevice[]
  /** The types of all host keys that anybody is bound to. */
  readonly pinTypes: () => readonly string[]
  readonly all: () => Iterable<KnownDevice>
}

export interface MutableKnownDevices extends KnownDevices {
  readonly set: (device: KnownDevice) => void
  readonly delete: (id: string) => void
}

/** The names that a device's certificate may carry, as OpenSSH compares them. */
export function namesOf({ id, aliases }: Pick<KnownDevice, 'id' | 'aliases'>): string[] {
  return [id, ...aliases].map((name) => name.toLowerCase())
}

export function createKnownDevices(devices: Iterable<KnownDevice> = []): MutableKnownDevices {
  const byId = new Map<string, KnownDevice>()
  const names = createIndex(namesOf)
  const pins = createIndex(({ pins }) => pins.map(({ blob }) => blob.toString('latin1')))
  const secrets = createIndex(({ secret }) => (secret === undefined ? [] : [secret]))
  const types = createIndex(({ pins }) => pins.map(({ type }) => type))
  const indexes = [names, pins, secrets, types]

  const remove = (id: string): void => {
    const device = byId.get(id)
    if (device === undefined) return
    byId.delete(id)
    for (const index of indexes) index.delete(device)
  }
  const set = (device: KnownDevice): void => {
    remove(device.id)
    byId.set(device.id, device)
    for (const index of indexes) index.add(device)
  }
  for (const device of devices) set(device)

  return {
    byId: (id) => byId.get(id),
    byName: (name) => names.get(name.toLowerCase()),
    byPin: (blob) => pins.get(blob.toString('latin1')),
    bySecret: secrets.get,
    pinTypes: types.keys,
    all: () => byId.values(),
    set,
    delete: remove,
  }
}

function createIndex(keysOf: (device: KnownDevice) => readonly string[]) {
  const devices = new Map<string, Set<KnownDevice>>()
  return {
    get: (key: string): readonly KnownDevice[] => [...(devices.get(key) ?? [])],
    keys: (): readonly string[] => [...devices.keys()],
    add: (device: KnownDevice): void => {
      for (const key of keysOf(device)) devices.set(key, (devices.get(key) ?? new Set()).add(device))
    },
    delete: (device: KnownDevice): void => {
      for (const key of keysOf(device)) {
        const those = devices.get(key)
        those?.delete(device)
        if (those?.size === 0) devices.delete(key)
      }
    },
  }
}
