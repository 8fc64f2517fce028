import type { DeviceEndpoint } from './device-endpoint.js'

/** What one device has, and whether its port was given rather than fixed in the configuration. */
export interface AssignedEndpoint extends DeviceEndpoint {
  readonly deviceId: string
  readonly portGiven: boolean
  readonly addressGiven: boolean
}

/** Where devices of the fleet are reached now. */
export interface EndpointsInUse {
  readonly of: (deviceId: string) => AssignedEndpoint | undefined
  readonly atAddress: (address: string) => string | undefined
  readonly all: () => readonly AssignedEndpoint[]
  /** Sets where a device is reached: by what the configuration fixes, else by what it was given. */
  readonly set: (deviceId: string, by: { readonly fixed: DeviceEndpoint; readonly given: DeviceEndpoint }) => void
}

export function createEndpointsInUse(): EndpointsInUse {
  const assigned = new Map<string, AssignedEndpoint>()
  const byAddress = new Map<string, string>()
  return {
    of: (deviceId) => assigned.get(deviceId),
    atAddress: (address) => byAddress.get(address),
    all: () => [...assigned.values()],
    set: (deviceId, { fixed, given }) => {
      const before = assigned.get(deviceId)
      if (before?.address !== undefined && byAddress.get(before.address) === deviceId) byAddress.delete(before.address)
      const port = fixed.port ?? given.port
      const address = fixed.address ?? given.address
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
    },
  }
}
