import type { PublicKey } from '../../ssh/public-key.js'

/** All that the configurations of a device and of its NMS are written from. */
export interface Onboarding {
  readonly deviceId: string
  /** Of the initiation sequence; devices without one are known by their host key. */
  readonly secret?: string
  readonly bridge: {
    /** Name or address, as devices and clients reach it. */
    readonly host: string
    readonly callHomePort: number
    readonly endpointPort: number
    /** What clients must find in known_hosts; empty when the bridge has not made them yet. */
    readonly hostKeys: readonly PublicKey[]
    /** The CA that certifies these keys: all that clients with OpenSSH must know. */
    readonly hostCa?: PublicKey
  }
  /** The account on the device that the bridge logs in to. */
  readonly account: string
  readonly login: DeviceLogin
  /** The public half of the host CA, when there is one. */
  readonly hostCaFile?: string
  /** Who logs in to the bridge in the examples for the NMS. */
  readonly operator: string
}

/** How the bridge logs in to the device. */
export type DeviceLogin =
  | { readonly method: 'password' }
  | { readonly method: 'key'; readonly key: PublicKey }
  | {
      readonly method: 'certificate'
      /** The public half of the user CA. */
      readonly userCaFile: string
      /** For whom the bridge's certificates are. */
      readonly principals: readonly string[]
    }

/** Something to paste, and where. */
export interface Step {
  readonly title: string
  readonly text: string
}
