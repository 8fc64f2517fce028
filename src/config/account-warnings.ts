import { selectsDevice } from '../access/authz/device-selector.js'
import type { ConfigError } from './config-error.js'
import type { Config } from './schema.js'

/** Accounts that will have no link, and users for whom roles name several. */
export function accountWarnings(config: Config): readonly ConfigError[] {
  return [...accountsWithoutLink(config), ...accountsOfNoDevice(config), ...ambiguousAccounts(config)]
}

function accountsWithoutLink({ devices, link }: Config): readonly ConfigError[] {
  return devices.flatMap(({ credentials, maxConnections = link.maxConnections }, at): readonly ConfigError[] => {
    const [first, ...others] = credentials.slice(maxConnections)
    if (first === undefined) return []
    const names = [first, ...others].map((name) => `\`${name}\``).join(', ')
    return [
      {
        path: ['devices', at, 'credentials'],
        message: `each link has one of these, and with ${maxConnections} at a time there is none for ${names}`,
        hint: 'raise `max-connections` of the device, and have it call home as often',
      },
    ]
  })
}

/** What a device logs in with that is not in the file. */
const OF_ENROLLED_DEVICES = 'default'

/** A role whose account none of its devices has. Nobody knows the devices that enrol later but for their account. */
function accountsOfNoDevice({ roles, devices }: Config): readonly ConfigError[] {
  if (devices.length === 0) return []
  return [...roles].flatMap(([name, role]): readonly ConfigError[] => {
    const { as } = role
    if (as === undefined || as === OF_ENROLLED_DEVICES) return []
    const its = devices.filter((device) => role.devices.some((selector) => selectsDevice(selector, device)))
    if (its.some(({ credentials }) => credentials.includes(as))) return []
    return [
      {
        path: ['roles', name, 'as'],
        message: `no device of this role has the account \`${as}\`, so its users get none (\`no-link-with-account\`)`,
        hint: `name it in \`credentials\` of the devices, such as \`credentials: [${OF_ENROLLED_DEVICES}, ${as}]\``,
      },
    ]
  })
}

/** Selectors are compared as they are written: by labels alone nobody can tell before the devices are there. */
function ambiguousAccounts({ users, roles }: Config): readonly ConfigError[] {
  return users.flatMap((user, at): readonly ConfigError[] => {
    const naming = user.roles.flatMap((name) => {
      const role = roles.get(name)
      return role?.as === undefined ? [] : [{ name, as: role.as, devices: role.devices, channels: role.channels }]
    })
    const clash = naming.flatMap((one, index) =>
      naming
        .slice(index + 1)
        .filter(
          ({ as, devices, channels }) => as !== one.as && meet(devices, one.devices) && share(channels, one.channels),
        )
        .map((other) => ({ one, other })),
    )[0]
    if (clash === undefined) return []
    const { one, other } = clash
    return [
      {
        path: ['users', at, 'roles'],
        message:
          `\`${one.name}\` names the account \`${one.as}\` and \`${other.name}\` the account \`${other.as}\` on the ` +
          'same devices: there, this user gets no session (`ambiguous-account`)',
        hint: 'give the user one of these roles, or make a user for each, or let their `devices` or `channels` differ',
      },
    ]
  })
}

const meet = (some: readonly string[], others: readonly string[]): boolean =>
  some.includes('*') || others.includes('*') || share(some, others)

const share = (some: readonly string[], others: readonly string[]): boolean => some.some((one) => others.includes(one))
