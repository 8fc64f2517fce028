import type { OperationRules } from './operation-rule.js'
import type { Scope } from './scope.js'

/**
 * What a session's channel may be for; all but `netconf` are off unless a role allows them. `ssh` is the device's own
 * SSH server, past the bridge.
 */
export const CHANNEL_KINDS = ['netconf', 'exec', 'shell', 'sftp', 'ssh'] as const

export type ChannelKind = (typeof CHANNEL_KINDS)[number]

/** What a user with this role may do on the devices that one of the selectors matches. */
export interface Role {
  /** `*` and `?` match device ids, `label=value` matches labels; see `selectsDevice`. */
  readonly devices: readonly string[]
  readonly operations: OperationRules
  readonly channels: readonly ChannelKind[]
  /** Ports of the device's own that its users may reach; none when absent. */
  readonly forwards?: readonly number[]
  /**
   * The account that sessions of its users are on, by the name of its credentials: they go to no link that has logged
   * in with others. Any link, when absent.
   */
  readonly as?: string | undefined
  /** What its users may ask of the HTTP API about these devices; `admin` is off unless a role allows it. */
  readonly api: readonly Scope[]
  /**
   * Credentials profiles that its users may give to devices that they enrol, with the scope `admin`; none when absent.
   */
  readonly credentials?: readonly string[]
}

/** The roles by name. */
export type Roles = ReadonlyMap<string, Role>
