import { createPasswordCheck } from '../access/password-check.js'
import type { Roles } from '../access/role.js'
import type { User } from '../access/user.js'
import type { Config } from '../config/schema.js'
import type { Device, FleetLimits } from '../fleet/fleet.js'
import type { Access, SshEndpointLimits } from '../northbound/ssh/server.js'
import type { CallHomeTrust } from '../southbound/call-home.js'
import type { CallHomeListenerLimits } from '../southbound/listener.js'
import { loadPrivateKey } from '../ssh/host-keys.js'
import type { Credentials } from '../trust/credentials.js'
import type { KnownDevice } from '../trust/known-device.js'
import { StartProblem } from './start-problem.js'

/** The configuration in the terms of the rooms. A reload makes a new one, and the rooms look at the newest. */
export interface Settings {
  readonly devices: readonly Device[]
  readonly known: readonly KnownDevice[]
  readonly credentials: ReadonlyMap<string, Credentials>
  readonly users: ReadonlyMap<string, User>
  readonly roles: Roles
  readonly fleetLimits: FleetLimits
  readonly callHomeLimits: CallHomeListenerLimits
  readonly endpointLimits: SshEndpointLimits
}

/** Turns a configuration into what the rooms need, and reads the private keys that it names. */
export async function settingsFrom(config: Config): Promise<Settings> {
  const profiles = new Map<string, Credentials>()
  for (const [name, profile] of config.credentials) profiles.set(name, await credentialsFrom(name, profile))
  const { callHome, endpoint, link } = config
  return {
    devices: config.devices.map(({ id, labels, maxSessions }) => ({
      id,
      labels,
      maxSessions: maxSessions ?? link.maxSessions,
    })),
    known: config.devices.map(({ id, secret, hostKeys }) => ({
      id,
      pins: hostKeys,
      ...(secret === undefined ? {} : { secret }),
    })),
    credentials: new Map(
      config.devices.flatMap(({ id, credentials }) => {
        const profile = profiles.get(credentials)
        return profile === undefined ? [] : [[id, profile] as const]
      }),
    ),
    users: new Map(config.users.map((user) => [user.name, user])),
    roles: config.roles,
    fleetLimits: link,
    callHomeLimits: {
      ...callHome,
      keepaliveInterval: link.keepaliveInterval,
      keepaliveCountMax: link.keepaliveCountMax,
    },
    endpointLimits: endpoint.ssh,
  }
}

async function credentialsFrom(
  name: string,
  {
    username,
    password,
    privateKey,
    passphrase,
  }: Config['credentials'] extends ReadonlyMap<string, infer Profile> ? Profile : never,
): Promise<Credentials> {
  const given = { username, ...(password === undefined ? {} : { password }) }
  if (privateKey === undefined) return given
  const loaded = await loadPrivateKey(privateKey, passphrase)
  if (!loaded.ok)
    throw new StartProblem(
      `credentials.${name}.private-key: ${privateKey}: ${loaded.problem.message}`,
      loaded.problem.hint,
    )
  return { ...given, privateKey: loaded.key }
}

/** What southbound asks of the newest settings. */
export function trustFrom(settings: () => Settings): CallHomeTrust {
  return {
    known: () => settings().known,
    credentialsFor: (deviceId) => settings().credentials.get(deviceId),
  }
}

/** What northbound asks of the newest settings. */
export function accessFrom(settings: () => Settings): Access {
  return {
    find: (name) => settings().users.get(name),
    checkPassword: createPasswordCheck(),
    roles: () => settings().roles,
  }
}
