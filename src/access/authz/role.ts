import type { OperationRules } from './operation-rule.js'
import type { Scope } from './scope.js'

/** What a session's channel may be for; all but `netconf` are off unless a role allows them. */
export const CHANNEL_KINDS = ['netconf', 'exec', 'shell', 'sftp'] as const

export type ChannelKind = (typeof CHANNEL_KINDS)[number]

/** What a user with this role may do on the devices that one of the selectors matches. */
export interface Role {
  /** `*` and `?` match device ids, `label=value` matches labels; see `selectsDevice`. */
  readonly devices: readonly string[]
  readonly operations: OperationRules
  readonly channels: readonly ChannelKind[]
  /** What its users may ask of the HTTP API about these devices; `admin` is off unless a role allows it. */
  readonly api: readonly Scope[]
  /**
   * Credentials profiles that its users may give to devices that they enrol, with the scope `admin`; none when absent.
   */
  readonly credentials?: readonly string[]
}

/** The roles by name. */
export type Roles = ReadonlyMap<string, Role>
