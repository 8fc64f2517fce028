import { type SelectableDevice, selectsDevice } from './device-selector.js'
import { allowEverything, type OperationPolicy } from './operation-rule.js'
import type { ChannelKind, Roles } from './role.js'
import type { User } from '../authn/user.js'

/** What a user may do on one device: the union of those of the user's roles that select it. */
export interface Permission {
  /** The names of these roles; never empty. */
  readonly roles: readonly string[]
  readonly operations: OperationPolicy
  readonly channels: ReadonlySet<ChannelKind>
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
  const selecting = user.roles.flatMap((name) => {
    const role = roles.get(name)
    return role?.devices.some((selector) => selectsDevice(selector, device)) ? [{ name, role }] : []
  })
  if (selecting.length === 0)
    return { allowed: false, reason: `no role of user ${user.name} includes device ${device.id}` }
  const rules = selecting.map(({ role }) => role.operations)
  return {
    allowed: true,
    permission: {
      roles: selecting.map(({ name }) => name),
      operations: rules.some(allowEverything) ? { kind: 'all' } : { kind: 'rules', roles: rules },
      channels: new Set(selecting.flatMap(({ role }) => role.channels)),
    },
  }
}
