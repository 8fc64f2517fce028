import { type SelectableDevice, selectsDevice } from './device-selector.js'
import type { Roles } from './role.js'
import type { User } from './user.js'

export type Decision =
  | { readonly allowed: true /** The role that allows it. */; readonly role: string }
  | { readonly allowed: false; readonly reason: string }

/** Whether a user may open a session on a device: when one selector of one of the user's roles matches it. */
export function mayOpenSession(user: Pick<User, 'name' | 'roles'>, roles: Roles, device: SelectableDevice): Decision {
  const role = user.roles.find((name) => roles.get(name)?.devices.some((selector) => selectsDevice(selector, device)))
  if (role !== undefined) return { allowed: true, role }
  return { allowed: false, reason: `no role of user ${user.name} includes device ${device.id}` }
}
