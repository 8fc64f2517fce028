import type { PublicKey } from '../ssh/public-key.js'

/** What can prove that a connection is this device's. */
export interface KnownDevice {
  readonly id: string
  /** The shared secret of the device's initiation sequence. */
  readonly secret?: string
  /** The host keys that the device id is bound to. */
  readonly pins: readonly PublicKey[]
}
