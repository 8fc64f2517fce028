import type { Roles } from '../access/authz/role.js'
import { type SelectableDevice, selectsDevice } from '../access/authz/device-selector.js'
import type { User } from '../access/authn/user.js'
import { undecided } from '../fleet/refusals/sessions.js'
import type { Authorisation } from './authorise.js'
import type { DeviceDirectory } from './device-directory.js'

/**
 * The same for somebody who asks for a device that waits for an operator's decision, or was rejected: clients cannot
 * reach it, but it is no mistake in writing. Whoever may not see the device is told no more than of one that is not.
 */
export async function tellUndecided(
  authorisation: Authorisation,
  deviceId: string,
  { standingOf, sees }: Pick<DeviceDirectory, 'standingOf'> & { readonly sees: (device: SelectableDevice) => boolean },
): Promise<Authorisation> {
  if (authorisation.allowed || authorisation.refusal.reason !== 'unknown-device') return authorisation
  const found = await standingOf(deviceId)
  if (found === undefined || !sees({ id: deviceId, labels: found.labels })) return authorisation
  const words = undecided(deviceId, found.standing)
  return words === undefined ? authorisation : { allowed: false, refusal: { ...authorisation.refusal, ...words } }
}

/** Whether lists show a device to the user. */
export function seesBy(user: User | undefined, roles: Roles): (device: SelectableDevice) => boolean {
  const reading = (user?.roles ?? []).flatMap((name) => roles.get(name) ?? []).filter(({ api }) => api.includes('read'))
  return (device) => reading.some(({ devices }) => devices.some((selector) => selectsDevice(selector, device)))
}
