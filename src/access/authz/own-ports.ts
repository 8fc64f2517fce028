import type { User } from '../authn/user.js'
import type { SelectableDevice } from './device-selector.js'
import { allowEverything } from './operation-rule.js'
import { rolesOn } from './permission.js'
import type { Role, Roles } from './role.js'

/** The ports of a device's own that the channel kind `ssh` allows: those of its SSH server. */
export const SSH_PORTS: readonly number[] = [22, 830]

/** What a user may reach of a device past the bridge. */
export interface OwnPorts {
  /** The roles that select the device. */
  readonly roles: readonly string[]
  readonly ports: readonly number[]
  /**
   * Whether there are rules on the user's operations on the device, by whichever way. What passes to a port of the
   * device's own cannot be held to them, so the user may reach none.
   */
  readonly underRules: boolean
}

/** Which ports of a device's own the roles of a user allow there; in the order of their numbers. */
export function ownPortsOn(user: Pick<User, 'name' | 'roles'>, roles: Roles, device: SelectableDevice): OwnPorts {
  const selecting = rolesOn(user, roles, device)
  const ports = new Set(selecting.flatMap(({ role }) => portsOf(role)))
  return {
    roles: selecting.map(({ name }) => name),
    ports: [...ports].toSorted((one, other) => one - other),
    underRules: selecting.some(({ role }) => hasRules(role)) && !selecting.some(({ role }) => freesOfRules(role)),
  }
}

function portsOf({ channels, forwards = [] }: Pick<Role, 'channels' | 'forwards'>): readonly number[] {
  return [...(channels.includes('ssh') ? SSH_PORTS : []), ...forwards]
}

/** Whether a role allows some operations and not all. One that names none, such as a role for ports, has no rules. */
function hasRules({ operations }: Pick<Role, 'operations'>): boolean {
  return operations.length > 0 && !allowEverything(operations)
}

/** Whether nothing is left of the rules of other roles: the operations of one without NETCONF count for nothing. */
function freesOfRules({ channels, operations }: Pick<Role, 'channels' | 'operations'>): boolean {
  return channels.includes('netconf') && allowEverything(operations)
}
