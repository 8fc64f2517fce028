import type { ChannelKind, Role } from './role.js'

/** The account on a device that a role names for the sessions of its users, and what the role grants there. */
export interface GrantedAccount {
  readonly name: string
  readonly role: string
  readonly channels: readonly ChannelKind[]
  /** Whether the role allows any operation. */
  readonly operates: boolean
}

/** What a session is for: one of these kinds of channel, or operations of the HTTP API. */
export type SessionUse = readonly ChannelKind[] | 'operations'

export type AccountChoice =
  /** The account that the session has to be on; any, where no role names one. */
  | { readonly ok: true; readonly account?: string }
  /** Roles that grant the session name several. */
  | { readonly ok: false; readonly accounts: readonly GrantedAccount[] }

export function grantedAccounts(roles: readonly { readonly name: string; readonly role: Role }[]): GrantedAccount[] {
  return roles.flatMap(({ name: role, role: { as, channels, operations } }) =>
    as === undefined
      ? []
      : [{ name: as, role, channels, operates: operations.some(({ effect }) => effect === 'allow') }],
  )
}

/**
 * The account that a session has to be on. Only roles that grant the session count. A role that names no account leaves
 * it to the others; where two name different ones, no order decides between them: the session would have the rights of
 * both roles on an account that was meant for one.
 */
export function accountFor(granted: readonly GrantedAccount[], use: SessionUse): AccountChoice {
  const counting = granted.filter(({ channels, operates }) =>
    use === 'operations' ? operates : use.some((kind) => channels.includes(kind)),
  )
  const [first] = counting
  if (first === undefined) return { ok: true }
  if (counting.some(({ name }) => name !== first.name)) return { ok: false, accounts: counting }
  return { ok: true, account: first.name }
}
