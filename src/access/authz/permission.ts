import { type GrantedAccount, grantedAccounts } from './granted-account.js'
import { type SelectableDevice, selectsDevice } from './device-selector.js'
import { allowEverything, type OperationPolicy } from './operation-rule.js'
import type { ChannelKind, Role, Roles } from './role.js'
import type { User } from '../authn/user.js'

/** What a user may do on one device: the union of those of the user's roles that select it. */
export interface Permission {
  /** The names of these roles; never empty. */
  readonly roles: readonly string[]
  readonly operations: OperationPolicy
  readonly channels: ReadonlySet<ChannelKind>
  /** The accounts that these roles name, in their order; see `accountFor`. Absent where they name none. */
  readonly accounts?: readonly GrantedAccount[]
}

export type PermissionDecision =
  | { readonly allowed: true; readonly permission: Permission }
  | { readonly allowed: false; readonly reason: string }

/** What a user may do on a device, or why the user may do nothing there. */
export function permissionOn(
  user: Pick<User, 'name' | 'roles'>,
  roles: Roles,
  device: SelectableDevice,
): PermissionDecision {
  const selecting = rolesOn(user, roles, device)
  if (selecting.length === 0)
    return { allowed: false, reason: `no role of user ${user.name} includes device ${device.id}` }
  const accounts = grantedAccounts(selecting)
  const rules = selecting.map(({ role }) => role.operations)
  return {
    allowed: true,
    permission: {
      roles: selecting.map(({ name }) => name),
      operations: rules.some(allowEverything) ? { kind: 'all' } : { kind: 'rules', roles: rules },
      channels: new Set(selecting.flatMap(({ role }) => role.channels)),
      ...(accounts.length === 0 ? {} : { accounts }),
    },
  }
}

/** The roles of a user that select a device. */
export function rolesOn(
  user: Pick<User, 'name' | 'roles'>,
  roles: Roles,
  device: SelectableDevice,
): readonly { readonly name: string; readonly role: Role }[] {
  return user.roles.flatMap((name) => {
    const role = roles.get(name)
    return role?.devices.some((selector) => selectsDevice(selector, device)) ? [{ name, role }] : []
  })
}
