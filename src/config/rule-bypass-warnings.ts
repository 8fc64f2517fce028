import type { ConfigError } from './config-error.js'
import type { Config, RoleConfig } from './schema.js'

/** Who is under rules on operations reaches no port of the device's own, whatever `forwards` says. */
export function portsInVain({ roles, users }: Config): readonly ConfigError[] {
  const hint = 'give ports by a role with operations: ["*"], to users who have no rules on the same devices'
  const within = [...roles].flatMap(([name, role]): readonly ConfigError[] => {
    const key = portKey(role)
    if (key === undefined || !hasLimits(role)) return []
    const message = 'its users are under rules on operations, and reach no port of the device itself'
    return [{ path: ['roles', name, key], message, hint }]
  })
  const between = users.flatMap((user, at): readonly ConfigError[] => {
    const held = user.roles.flatMap((name) => {
      const role = roles.get(name)
      return role === undefined ? [] : [{ name, role }]
    })
    const giving = held.find(({ role }) => portKey(role) !== undefined && !hasLimits(role))
    const ruled = held.find(({ role }) => portKey(role) === undefined && hasLimits(role))
    if (giving === undefined || ruled === undefined || held.some(({ role }) => allowsEverything(role))) return []
    const message =
      `where the roles ${giving.name} and ${ruled.name} include the same device, ` +
      `the operations of the one close the ports of the other`
    return [{ path: ['users', at, 'roles'], message, hint }]
  })
  return [...within, ...between]
}

/** The key by which a role gives ports of a device's own, if any. */
function portKey({ channels, forwards }: RoleConfig): 'channels' | 'forwards' | undefined {
  if (forwards.length > 0) return 'forwards'
  return channels.includes('ssh') ? 'channels' : undefined
}

function hasLimits(role: RoleConfig): boolean {
  return role.operations.length + role.deniedOperations.length > 0 && !allowsAll(role)
}

/**
 * Who may run commands on a device does there by a command what rules on operations forbid. It may be meant, and is
 * told.
 */
export function waysAroundRules({ roles, users }: Config): readonly ConfigError[] {
  const within = [...roles].flatMap(([name, role]): readonly ConfigError[] => {
    const commands = commandChannels(role)
    return commands === undefined || !hasRules(role)
      ? []
      : [
          {
            path: ['roles', name, 'channels'],
            message: `with ${commands} its users can do on the devices what its operations forbid`,
            hint: 'give commands and shells by a role of their own, to whom no operation is forbidden',
          },
        ]
  })
  const between = users.flatMap((user, at): readonly ConfigError[] => {
    const held = user.roles.flatMap((name) => {
      const role = roles.get(name)
      return role === undefined ? [] : [{ name, role }]
    })
    const ruled = held.find(({ role }) => hasRules(role) && commandChannels(role) === undefined)
    const free = held.find(({ role }) => commandChannels(role) !== undefined && !hasRules(role))
    // Where that role allows every operation over NETCONF too, there are no rules to go around.
    if (ruled === undefined || free === undefined || allowsEverything(free.role)) return []
    const message =
      `where the roles ${ruled.name} and ${free.name} include the same device, ` +
      `${commandChannels(free.role)} of the one goes around the operations of the other`
    return [{ path: ['users', at, 'roles'], message }]
  })
  return [...within, ...between]
}

function commandChannels({ channels }: RoleConfig): string | undefined {
  const those = channels.filter((kind) => kind === 'exec' || kind === 'shell')
  return those.length === 0 ? undefined : those.join(' and ')
}

function hasRules(role: RoleConfig): boolean {
  return role.channels.includes('netconf') && !allowsEverything(role)
}

function allowsEverything(role: RoleConfig): boolean {
  return role.channels.includes('netconf') && allowsAll(role)
}

function allowsAll({ operations, deniedOperations }: RoleConfig): boolean {
  const everything = operations.some(
    ({ name, namespace, datastore }) => name === '*' && namespace === undefined && datastore === undefined,
  )
  return everything && deniedOperations.length === 0
}
