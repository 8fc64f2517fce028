import type { ServerConfig } from 'ssh2'
import type { DeviceEndpoints } from '../../fleet/endpoints/device-endpoint.js'
import { plainAddress } from '../../net/ip.js'
import type { EntryPoint } from './target.js'

/** Where a client comes in when it dials what, and what the bridge proves itself with there. */
export interface EntryPoints {
  /** The entry point at a local address that a client dialled, as its socket tells it. */
  readonly at: (localAddress: string | undefined) => EntryPoint
  /** The entry point of the device that a jump asks for, or undefined: nothing else is ever dialled. */
  readonly behind: (host: string, port: number) => Extract<EntryPoint, { kind: 'device' }> | undefined
  /**
   * The device whose own ports a host name means, `self.ID`, by its id; where there is none of that name, what was
   * asked for. Undefined for any other host name, that of a device which is called so among them.
   */
  readonly self: (host: string) => { readonly deviceId: string | undefined; readonly asked: string } | undefined
  readonly hostKeys: (entryPoint: EntryPoint) => ServerConfig['hostKeys']
}

/** The host keys of the bridge. The same array for the same certificates, for as long as these are presented. */
export interface HostKeysOfBridge {
  /** Where every device is reached. */
  readonly shared: () => ServerConfig['hostKeys']
  /** Where one device alone is reached, with a certificate for these names where there is a CA. */
  readonly forNames: (names: readonly string[]) => ServerConfig['hostKeys']
}

/** Ports on which a device is asked for by way of the bridge: NETCONF's, and what `ssh -J` takes when none is named. */
const JUMP_PORTS: readonly number[] = [830, 22]

/** Before the name of a device: the device itself, past the bridge. */
const SELF = /^self\.(.+)$/isu

const SHARED: EntryPoint = { kind: 'shared' }

/**
 * @param bridgeNames by which clients know the bridge itself
 * @param sharedPorts the ports where every device is reached
 */
export function createEntryPoints(options: {
  readonly endpoints: DeviceEndpoints
  readonly hostKeys: HostKeysOfBridge
  readonly bridgeNames: readonly string[]
  readonly sharedPorts: () => readonly number[]
}): EntryPoints {
  const { endpoints, hostKeys, bridgeNames, sharedPorts } = options
  return {
    at: (localAddress) => {
      const deviceId = localAddress === undefined ? undefined : endpoints.atAddress(plainAddress(localAddress))
      return deviceId === undefined ? SHARED : { kind: 'device', deviceId, by: 'address' }
    },
    behind: (host, port) => {
      const deviceId = endpoints.named(host) ?? endpoints.atAddress(plainAddress(host))
      if (deviceId === undefined) return undefined
      const open = JUMP_PORTS.includes(port) || sharedPorts().includes(port) || port === endpoints.of(deviceId)?.port
      return open ? { kind: 'device', deviceId, by: 'jump' } : undefined
    },
    self: (host) => {
      const asked = SELF.exec(host)?.[1]
      if (asked === undefined || endpoints.named(host) !== undefined) return undefined
      return { deviceId: endpoints.named(asked) ?? endpoints.atAddress(plainAddress(asked)), asked }
    },
    hostKeys: (entryPoint) => {
      if (entryPoint.kind === 'shared') return hostKeys.shared()
      const { address } = endpoints.of(entryPoint.deviceId) ?? {}
      return hostKeys.forNames([
        ...endpoints.namesOf(entryPoint.deviceId),
        ...(address === undefined ? [] : [address]),
        // Who dials a port of the bridge knows the bridge's name.
        ...(entryPoint.by === 'port' ? bridgeNames : []),
      ])
    },
  }
}
