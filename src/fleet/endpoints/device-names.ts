import type { Device } from '../device.js'
import { hostNameOf } from './host-name.js'

/** By which names devices are known, in upper or lower case: by id, by alias, by host name, in this order. */
export interface DeviceNames {
  readonly learn: (device: Device) => void
  /** The one device of a name. An alias or a host name that two devices share means neither. */
  readonly find: (name: string) => string | undefined
  /** Those names of a device that mean it alone, in lower case. */
  readonly of: (device: Device) => readonly string[]
}

export function createDeviceNames(): DeviceNames {
  const kinds = [
    { holders: new Map<string, string | undefined>(), namesOf: ({ id }: Device) => [id] },
    { holders: new Map<string, string | undefined>(), namesOf: ({ aliases = [] }: Device) => aliases },
    { holders: new Map<string, string | undefined>(), namesOf: ({ id }: Device) => hostNameOf(id) ?? [] },
  ]
  const find = (name: string): string | undefined => {
    const lower = name.toLowerCase()
    return kinds.find(({ holders }) => holders.has(lower))?.holders.get(lower)
  }
  const namesOf = (device: Device): readonly string[] =>
    kinds.flatMap((kind) => kind.namesOf(device)).map((name) => name.toLowerCase())
  return {
    learn: (device) => {
      for (const { holders, namesOf: own } of kinds)
        for (const name of [own(device)].flat().map((each) => each.toLowerCase())) {
          const isItsOwn = !holders.has(name) || holders.get(name) === device.id
          holders.set(name, isItsOwn ? device.id : undefined)
        }
    },
    find,
    of: (device) => [...new Set(namesOf(device))].filter((name) => find(name) === device.id),
  }
}
