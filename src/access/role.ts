import type { OperationRules } from './operation-rule.js'

/** What a session's channel may be for; all but `netconf` are off unless a role allows them. */
export const CHANNEL_KINDS = ['netconf', 'exec', 'shell', 'sftp'] as const

export type ChannelKind = (typeof CHANNEL_KINDS)[number]

/** What a user with this role may do on the devices that one of the selectors matches. */
export interface Role {
  /** `*` and `?` match device ids, `label=value` matches labels; see `selectsDevice`. */
  readonly devices: readonly string[]
  readonly operations: OperationRules
  readonly channels: readonly ChannelKind[]
}

/** The roles by name. */
export type Roles = ReadonlyMap<string, Role>
