import type { Context } from 'hono'
import { labelNamesIn } from '../../../../access/authz/device-selector.js'
import type { Decider, EnrolmentChange } from '../../../../fleet/enrolment/enrolment.js'
import { directoryOf } from '../../../device-directory.js'
import type { ApiEnv, HttpServices } from '../../api.js'
import { answerProblem } from '../../problem.js'
import { unknownOverHttp } from '../../unknown-device.js'
import { describeDevice, deviceSchema } from './device.js'

/** What every change of an enrolment may run into. */
export const CHANGE_PROBLEMS = [
  'unknown-device',
  'nothing-presented',
  'decided-by-configuration',
  'not-written',
] as const

/** A device in an answer. */
export const deviceContent = { 'application/json': { schema: deviceSchema } }

export function answerUnknownDevice(c: Context, id: string) {
  return answerProblem(c, 'unknown-device', unknownOverHttp(id))
}

/** As whom the caller decides on a device, known or not. */
export async function deciderOn(
  { var: { caller } }: Context<ApiEnv>,
  { fleet, enrolments }: HttpServices,
  id: string,
): Promise<Decider> {
  return caller.decider(await directoryOf(fleet, enrolments).selectable(id))
}

/**
 * Among labels, one that rights go by, and that the caller may not change. Roles and tokens select devices by labels,
 * so whoever sets such a label gives rights: to somebody else, or to themselves. Only who administers every device may.
 */
export async function decisiveAmong(
  { var: { caller } }: Context<ApiEnv>,
  { tokens }: HttpServices,
  names: readonly string[],
): Promise<string | undefined> {
  if (caller.mayEverywhere('admin')) return undefined
  const ofRoles = caller.namesOfRights()
  const ofTokens = labelNamesIn((await tokens.list()).flatMap(({ devices = [] }) => devices))
  return names.find((name) => ofRoles.has(name) || ofTokens.has(name))
}

/** Whether who decides may give these credentials to a device; without a name it gets `default`. */
export function mayGiveCredentials(decider: Decider, credentials: string | undefined): boolean {
  return credentials === undefined || typeof decider === 'string' || decider.profiles.includes(credentials)
}

/** Answers with the device as the change left it. */
export async function answerChanged(
  c: Context,
  { fleet }: HttpServices,
  { id, change }: { readonly id: string; readonly change: EnrolmentChange },
) {
  if (!change.ok) return answerProblem(c, change.refusal.reason, change.refusal)
  if (change.enrolment === undefined) return answerUnknownDevice(c, id)
  const { deviceId } = change.enrolment
  return c.json(describeDevice(deviceId, change.enrolment, await fleet.device(deviceId)), 200)
}
