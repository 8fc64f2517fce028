/** Where a device is reached by itself, beside the login name on the shared port: a port, an address, or both. */
export interface DeviceEndpoint {
  readonly port?: number
  readonly address?: string
}

/** Where each device in the fleet is reached by itself, and by which names it goes there. */
export interface DeviceEndpoints {
  readonly of: (deviceId: string) => DeviceEndpoint | undefined
  /** The device whose own address this is, in the form in which a socket tells it. */
  readonly atAddress: (address: string) => string | undefined
  /** The one device of this id, alias or host name, in upper or lower case. */
  readonly named: (name: string) => string | undefined
  /** The names by which clients may know a device, in lower case: its id, its aliases, its host name. */
  readonly namesOf: (deviceId: string) => readonly string[]
}
