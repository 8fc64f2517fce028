import type { GeneratedKeyType } from '../../ssh/generate-private-key.js'
import type { PublicKey } from '../../ssh/public-key.js'

/** All that the configurations of a device, of the bridge and of an NMS are written from. */
export interface Onboarding {
  readonly deviceId: string
  /** Of the initiation sequence; devices without one are known by their host key. */
  readonly secret?: string
  /** Where the device dials, in the order in which it tries; at least one. */
  readonly callHome: readonly Server[]
  /** What it dials first after its connection broke: the first of them, or the one that it was connected to. */
  readonly reconnectStrategy: ReconnectStrategy
  /** The version of SSH that the device is told to speak, where that is to be said. */
  readonly protocol?: 'v2'
  readonly bridge: {
    /** Name or address, as clients reach it. */
    readonly host: string
    readonly endpointPort: number
    /** What clients must find in known_hosts; empty when the bridge has not made them yet. */
    readonly hostKeys: readonly PublicKey[]
    /** The CA that certifies these keys: all that clients with OpenSSH must know. */
    readonly hostCa?: PublicKey
  }
  readonly configuration: ConfigurationPlace
  /** Of the keys that are to be made. */
  readonly keyType: GeneratedKeyType
  /** The account on the device that the bridge logs in to. */
  readonly account: string
  readonly login: DeviceLogin
  /** The CA of the host certificates of devices, where there is one or is to be one. */
  readonly hostCa?: CaOfDevices
  /** The CAs are not there yet, and are to be made in this directory. */
  readonly missingCas?: string
  /** Who logs in to the bridge in the examples for the NMS. */
  readonly operator: string
}

/** A bridge as devices reach it: a name or an address, and the port of its call-home listener. */
export interface Server {
  readonly host: string
  readonly port: number
}

export const RECONNECT_STRATEGIES = ['in-order', 'sticky'] as const
export type ReconnectStrategy = (typeof RECONNECT_STRATEGIES)[number]

/** Where the bridge's configuration is. */
export interface ConfigurationPlace {
  /** As it was found. */
  readonly file: string
  /** Absolute; paths in the configuration start there. */
  readonly directory: string
  /** The name of the credentials of this device. */
  readonly credentials: string
  /** What keeps the bridge running: that of the package, of an image, or whoever started it. */
  readonly keptBy: 'package' | 'container' | 'somebody'
  /** The socket of the agent that has their key. */
  readonly agent?: string
}

/** The CA that signs host keys of devices. */
export interface CaOfDevices {
  readonly directory: string
  /** The file of its public half. */
  readonly file: string
  /** The bridge's file of known hosts, as the configuration names it or shall name it. */
  readonly knownHosts: string
  readonly knownHostsConfigured: boolean
  /** Whether a line of it makes the bridge believe this CA. */
  readonly trusted: boolean
}

/** How the bridge logs in to the device. */
export type DeviceLogin =
  | {
      readonly method: 'password'
      /** Whether the configuration has it. */
      readonly configured: boolean
    }
  | { readonly method: 'key'; readonly loginKey: LoginKey }
  | {
      readonly method: 'certificate'
      /** The public half of the user CA. */
      readonly userCaFile: string
      /** For whom the bridge's certificates are. */
      readonly principals: readonly string[]
      /** What of the configuration certifies the bridge; undefined where it has nothing yet. */
      readonly by: 'certificate' | 'user-ca' | undefined
      /** The key to be certified. */
      readonly loginKey: LoginKey
    }

/** The key that the bridge logs in with. */
export interface LoginKey {
  /** Its public half, as far as it is there: the key may be yet to be made, or in an agent. */
  readonly key?: PublicKey
  /** The file of its private half, or of its public half without `.pub` where an agent has the private one. */
  readonly file: string
  readonly place: 'configured' | 'found' | 'to be made' | 'in an agent'
}

/** Something to paste, and where. */
export interface Step {
  readonly title: string
  readonly text: string
}
