import type { Context } from 'hono'
import type { Decider, EnrolmentChange } from '../../../../fleet/enrolment/enrolment.js'
import type { ApiEnv, HttpServices } from '../../api.js'
import { answerProblem } from '../../problem.js'
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
  return answerProblem(c, 'unknown-device', {
    message: `no device ${JSON.stringify(id)} is known here`,
    hint: 'check the spelling; GET /api/v1/devices (homeport devices list) has all of them',
  })
}

/** As whom the caller decides on a device, known or not. */
export async function deciderOn(
  { var: { caller } }: Context<ApiEnv>,
  { fleet }: HttpServices,
  id: string,
): Promise<Decider> {
  return caller.decider((await fleet.device(id)) ?? { id, labels: {} })
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
