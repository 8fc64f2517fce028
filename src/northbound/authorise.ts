import { type SelectableDevice, selectsDevice } from '../access/authz/device-selector.js'
import { accountFor, type SessionUse } from '../access/authz/granted-account.js'
import { type Permission, type PermissionDecision, permissionOn } from '../access/authz/permission.js'
import type { RightEnd } from '../access/authz/right-end.js'
import type { Role, Roles } from '../access/authz/role.js'
import type { User } from '../access/authn/user.js'
import type { DeviceStatus } from '../fleet/device-status.js'
import type { Fleet } from '../fleet/fleet.js'
import { rightEnd } from '../fleet/refusals/session-ends.js'
import { type SessionRefusal, sessionRefusal } from '../fleet/refusals/sessions.js'

export type Authorisation =
  | { readonly allowed: true; readonly permission: Permission; readonly device: DeviceStatus }
  | { readonly allowed: false; readonly refusal: SessionRefusal }

/** Who exists now and what roles there are; a reload changes what these give. */
export interface Accounts {
  readonly find: (name: string) => User | undefined
  readonly roles: () => Roles
  /** Selectors of the devices that can be reached by the way that was taken; absent where all can. */
  readonly only?: () => readonly string[]
}

/**
 * What a user may do on a device, decided anew for each session, the same over SSH and HTTP.
 * Rights come first, so that nobody learns which device ids exist beyond their own.
 */
export async function authorise(
  { fleet, accounts }: { readonly fleet: Pick<Fleet, 'device'>; readonly accounts: Accounts },
  user: string,
  deviceId: string,
): Promise<Authorisation> {
  const device = await fleet.device(deviceId)
  const decision = permissionNow(accounts, user, device ?? { id: deviceId, labels: {} })
  if (!decision.allowed) return refused(noRights(user, decision.reason))
  if (device === undefined) return refused(sessionRefusal('unknown-device', deviceId))
  return { allowed: true, permission: decision.permission, device }
}

export type AccountForSession =
  | { readonly ok: true; readonly account?: string }
  | { readonly ok: false; readonly refusal: SessionRefusal }

/** The account of the device that a user's session has to be on, or that the roles name several. */
export function accountOf(
  { accounts = [] }: Pick<Permission, 'accounts'>,
  use: SessionUse,
  { user, deviceId }: { readonly user: string; readonly deviceId: string },
): AccountForSession {
  const choice = accountFor(accounts, use)
  if (choice.ok) return choice
  const named = choice.accounts.map(({ name, role }) => `${role} names ${name}`).join(', ')
  return { ok: false, refusal: sessionRefusal('ambiguous-account', user, deviceId, named) }
}

/** What a user may do on a device by the newest accounts. */
export function permissionNow(accounts: Accounts, user: string, device: SelectableDevice): PermissionDecision {
  const account = accounts.find(user)
  if (account === undefined) return { allowed: false, reason: 'the user was removed' }
  if (accounts.only?.().some((selector) => selectsDevice(selector, device)) === false)
    return { allowed: false, reason: `device ${device.id} is not reached by endpoint.ssh.legacy` }
  return permissionOn(account, accounts.roles(), device)
}

/**
 * The same for one user again and again: worked out anew only when the accounts, and so what they are made of, have
 * become others.
 */
export function permissionsOf(accounts: Accounts, user: string): (device: SelectableDevice) => PermissionDecision {
  let last:
    | {
        account: User | undefined
        roles: Roles
        only: readonly string[] | undefined
        device: SelectableDevice
        decision: PermissionDecision
      }
    | undefined
  return (device) => {
    const account = accounts.find(user)
    const roles = accounts.roles()
    const only = accounts.only?.()
    if (last?.account !== account || last?.roles !== roles || last.only !== only || last.device !== device)
      last = { account, roles, only, device, decision: permissionNow(accounts, user, device) }
    return last.decision
  }
}

/**
 * The same accounts, where the rules of a role count only if it has NETCONF channels: those of a role for files allow
 * no operations over SSH.
 */
export function accountsOverSsh(accounts: Accounts): Accounts {
  const roleOverSsh = (role: Role): Role => (role.channels.includes('netconf') ? role : { ...role, operations: [] })
  let last: { readonly roles: Roles; readonly overSsh: Roles } | undefined
  return {
    ...accounts,
    roles: () => {
      const roles = accounts.roles()
      if (last?.roles !== roles)
        last = { roles, overSsh: new Map([...roles].map(([name, role]) => [name, roleOverSsh(role)])) }
      return last.overSsh
    },
  }
}

/**
 * Why what somebody has on a device may not go on; undefined while it may, and for a device that is gone, which ends it
 * itself.
 */
export function rightLostBy(authorisation: Authorisation): RightEnd | undefined {
  if (authorisation.allowed || authorisation.refusal.reason === 'unknown-device') return undefined
  const { message, hint } = authorisation.refusal
  return rightEnd('no-rights', message, hint)
}

/** Why a session on an account may not go on: the roles of its user put it on another one by now. */
export function accountChanged(
  now: { readonly allowed: boolean; readonly account?: string | undefined },
  account: string | undefined,
  user: string,
): RightEnd | undefined {
  // Where the roles name none any more, the session may be on any.
  if (!now.allowed || now.account === undefined || now.account === account) return undefined
  return rightEnd('account-changed', user, now.account)
}

function noRights(user: string, why: string): SessionRefusal {
  return sessionRefusal(
    'no-rights',
    `user ${JSON.stringify(user)} has no rights here: ${why}`,
    'ask whoever runs the bridge for a role that includes the device',
  )
}

const refused = (refusal: SessionRefusal): Authorisation => ({ allowed: false, refusal })
