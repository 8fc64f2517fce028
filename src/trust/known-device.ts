import type { PublicKey } from '../ssh/public-key.js'

/** What can prove that a connection is this device's, and what was decided about it. */
export interface KnownDevice {
  readonly id: string
  /** Further names that its host certificate may carry. */
  readonly aliases: readonly string[]
  /** The shared secret of the device's initiation sequence. */
  readonly secret?: string
  /** The host keys that the device id is bound to, configured or stored. */
  readonly pins: readonly PublicKey[]
  /** Whether the configuration file has these, which nothing but a change of it replaces. */
  readonly pinnedByFile?: boolean
  /**
   * Clients may reach it: the file names it, or an operator or a proof has let it in. What stands in known_hosts proves
   * no other.
   */
  readonly expected: boolean
  /** An operator has turned it away. */
  readonly rejected: boolean
}
