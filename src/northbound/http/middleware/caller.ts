import {
  labelNamesIn,
  selectEverything,
  type SelectableDevice,
  selectsDevice,
} from '../../../access/authz/device-selector.js'
import type { Principal, Realm } from '../../../access/authz/principal.js'
import { CHANNEL_KINDS, type Roles } from '../../../access/authz/role.js'
import type { RightEnd } from '../../../access/authz/right-end.js'
import type { Scope } from '../../../access/authz/scope.js'
import type { Decider } from '../../../fleet/enrolment/enrolment.js'
import { rightEnd } from '../../../fleet/refusals/session-ends.js'
import { type SessionRefusal, sessionRefusal } from '../../../fleet/refusals/sessions.js'
import { type Accounts, accountOf, type Authorisation, authorise } from '../../authorise.js'
import type { DeviceDirectory } from '../../device-directory.js'
import { tellUndecided } from '../../undecided.js'
import { unknownOverHttp } from '../unknown-device.js'

/**
 * Who asks the HTTP API, and what of it is allowed to them. A removed user or a changed role counts from the next
 * question on.
 */
export interface Caller {
  /** The operator opened the Unix socket in data-dir and may do everything. */
  readonly kind: 'operator' | 'user'
  readonly user: string
  /** Who that is: what somebody owns is theirs by this, never by the name alone. */
  readonly principal: Principal
  /** `address:port` that the call came from, `local` on the Unix socket. */
  readonly source: string
  /** What proved who it is. */
  readonly method: 'socket' | 'password' | 'token' | 'jwt'
  /** The id of the token, where it was one of ours. */
  readonly token?: string
  /** What the proof of the caller left of the user's rights; absent for all of them. */
  readonly scopes?: readonly Scope[]
  readonly devices?: readonly string[]
  /** Roles that an issuer or the hook gave; absent where those of the user's entry in the configuration count. */
  readonly grantedRoles?: readonly string[]
  /** When what proved the caller ends by itself. */
  readonly until?: Date
  /**
   * Why the caller has no right to anything any more: a revoked token, a removed user. Undefined while the proof holds.
   */
  readonly ended: () => RightEnd | undefined
  /** Whether there is any device on which the caller may ask for this. */
  readonly may: (scope: Scope) => boolean
  /** Whether the caller may ask for this about a device, whose labels are those that the fleet knows. */
  readonly mayOn: (scope: Scope, deviceId: string) => Promise<boolean>
  /** The same about a device that is yet to be. */
  readonly mayOnNew: (scope: Scope, device: SelectableDevice) => boolean
  /** The same about every device there is and will be: a role with the scope on `*`, and nothing that narrows it. */
  readonly mayEverywhere: (scope: Scope) => boolean
  /** The names of the labels by which roles, and what proved the caller, select devices. */
  readonly namesOfRights: () => ReadonlySet<string>
  /** As whom the caller decides on the enrolment of a device, and which credentials profiles that may give it. */
  readonly decider: (device: SelectableDevice) => Decider
  /** Whether lists and event streams show a device to the caller: `read` on it. */
  readonly sees: (device: SelectableDevice) => boolean
  /** What the caller may do on a device itself, as over SSH: for operations, which need the scope `rpc`. */
  readonly authorise: (deviceId: string) => Promise<AuthorisationOverHttp>
}

/** `account`: the account of the device that sessions have to be on; any where absent. */
export type AuthorisationOverHttp =
  | (Extract<Authorisation, { readonly allowed: true }> & { readonly account?: string })
  | Extract<Authorisation, { readonly allowed: false }>

/** Whoever opened the Unix socket. */
export function operatorCaller(devices: Pick<DeviceDirectory, 'device' | 'standingOf'>): Caller {
  return {
    kind: 'operator',
    user: 'operator',
    principal: { realm: 'operator', name: 'operator' },
    source: 'local',
    method: 'socket',
    ended: () => undefined,
    may: () => true,
    mayOn: async () => true,
    mayOnNew: () => true,
    mayEverywhere: () => true,
    namesOfRights: () => new Set(),
    decider: () => 'operator',
    sees: () => true,
    authorise: async (deviceId) => {
      const device = await devices.device(deviceId)
      if (device === undefined)
        return tellUndecided({ allowed: false, refusal: unknownOverHttp(deviceId) }, deviceId, {
          standingOf: devices.standingOf,
          sees: () => true,
        })
      const permission = { roles: ['operator'], operations: { kind: 'all' as const }, channels: new Set(CHANNEL_KINDS) }
      return { allowed: true, permission, device }
    },
  }
}

/** A user who proved to be one, and what the proof itself leaves of the user's rights. */
export interface ProvenUser {
  readonly user: string
  /** Who vouches for the name. */
  readonly realm: Realm
  readonly source: string
  readonly method: 'password' | 'token' | 'jwt'
  readonly token?: string
  /** Absent for all scopes of the user's roles. */
  readonly scopes?: readonly Scope[]
  /** Selectors; absent for all devices of the user's roles. */
  readonly devices?: readonly string[]
  readonly grantedRoles?: readonly string[]
  readonly until?: Date
  /** Why the proof does not hold any more. */
  readonly withdrawn?: () => RightEnd | undefined
}

/**
 * A user with the rights of the roles that `accounts` gives; a scope counts on the devices of the roles that have it.
 */
export function userCaller(devices: DeviceDirectory, accounts: Accounts, proven: ProvenUser): Caller {
  const { user, realm, source, method, token } = proven
  const ended = (): RightEnd | undefined =>
    proven.withdrawn?.() ?? (accounts.find(user) === undefined ? rightEnd('user-removed', user) : undefined)
  const rolesWith = (scope: Scope): readonly string[] => {
    if (ended() !== undefined) return []
    if (proven.scopes?.includes(scope) === false) return []
    const roles = accounts.roles()
    return (accounts.find(user)?.roles ?? []).filter((name) => roles.get(name)?.api.includes(scope))
  }
  const included = (device: SelectableDevice): boolean =>
    proven.devices?.some((selector) => selectsDevice(selector, device)) ?? true
  const grants = (scope: Scope, device: SelectableDevice): boolean =>
    included(device) &&
    rolesWith(scope).some((name) =>
      accounts
        .roles()
        .get(name)
        ?.devices.some((selector) => selectsDevice(selector, device)),
    )
  const mayEverywhere = (scope: Scope): boolean =>
    (proven.devices === undefined || selectEverything(proven.devices)) &&
    rolesWith(scope).some((name) => selectEverything(accounts.roles().get(name)?.devices ?? []))
  return {
    kind: 'user',
    user,
    principal: { realm, name: user },
    source,
    method,
    ended,
    ...(token === undefined ? {} : { token }),
    ...(proven.grantedRoles === undefined ? {} : { grantedRoles: proven.grantedRoles }),
    ...(proven.until === undefined ? {} : { until: proven.until }),
    ...(proven.scopes === undefined ? {} : { scopes: proven.scopes }),
    ...(proven.devices === undefined ? {} : { devices: proven.devices }),
    may: (scope) => rolesWith(scope).length > 0,
    mayOn: async (scope, deviceId) => grants(scope, await devices.selectable(deviceId)),
    mayOnNew: grants,
    mayEverywhere,
    namesOfRights: () => labelNamesIn([...selectorsOf(accounts.roles()), ...(proven.devices ?? [])]),
    decider: (device) => {
      if (mayEverywhere('admin')) return user
      const selecting = included(device) ? rolesWith('admin').flatMap((name) => accounts.roles().get(name) ?? []) : []
      const profiles = selecting
        .filter(({ devices }) => devices.some((selector) => selectsDevice(selector, device)))
        .flatMap(({ credentials = [] }) => credentials)
      return { name: user, profiles: [...new Set(profiles)] }
    },
    sees: (device) => grants('read', device),
    authorise: async (deviceId) => {
      const end = ended()
      if (end !== undefined) return { allowed: false, refusal: end }
      if (proven.devices !== undefined && !included(await devices.selectable(deviceId)))
        return { allowed: false, refusal: notIncluded(user, deviceId) }
      const withRpc: Accounts = {
        find: (name) => {
          const account = accounts.find(name)
          return account && { ...account, roles: rolesWith('rpc') }
        },
        roles: accounts.roles,
      }
      const authorisation = await authorise({ fleet: devices, accounts: withRpc }, user, deviceId)
      if (authorisation.allowed) {
        const on = accountOf(authorisation.permission, 'operations', { user, deviceId })
        if (!on.ok) return { allowed: false, refusal: on.refusal }
        return { ...authorisation, ...(on.account === undefined ? {} : { account: on.account }) }
      }
      if (authorisation.refusal.reason !== 'unknown-device') return authorisation
      return tellUndecided({ allowed: false, refusal: unknownOverHttp(deviceId) }, deviceId, {
        standingOf: devices.standingOf,
        sees: (device) => grants('read', device),
      })
    },
  }
}

function selectorsOf(roles: Roles): readonly string[] {
  return [...roles.values()].flatMap(({ devices }) => devices)
}

function notIncluded(user: string, deviceId: string): SessionRefusal {
  return sessionRefusal(
    'no-rights',
    `user ${JSON.stringify(user)} has no rights here: the token does not include device ${deviceId}`,
    'ask whoever runs the bridge for a token that includes the device',
  )
}
