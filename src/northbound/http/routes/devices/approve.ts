import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { nameWaitingKey } from '../../../../fleet/enrolment/unnamed-device.js'
import type { Api, ApiEnv, HttpServices } from '../../api.js'
import { answerProblem, problemResponses } from '../../problem.js'
import { answerNoRights, needsOnDevice } from '../../middleware/require-scope.js'
import { answerChanged, CHANGE_PROBLEMS, deciderOn, deviceContent } from './change.js'
import { deviceIdParameter, newDeviceIdSchema } from './device-id.js'
import { fingerprintSchema, exampleFingerprint } from './fingerprint.js'

const approvalSchema = z
  .strictObject({
    fingerprint: fingerprintSchema,
    as: newDeviceIdSchema
      .optional()
      .openapi({ description: 'another device id, for one that was found by its fingerprint alone' }),
  })
  .openapi('Approval', { example: exampleFingerprint })

const route = createRoute({
  method: 'post',
  path: '/api/v1/devices/{id}/approve',
  ...needsOnDevice('admin'),
  operationId: 'approveDevice',
  description:
    'Compare the fingerprint with what the device itself prints before you send it: whoever holds ' +
    'that key is this device from now on.',
  tags: ['devices'],
  summary:
    'Binds the device id to the key of this fingerprint, which it must have shown; a device that waits then attaches',
  request: {
    params: deviceIdParameter,
    body: { required: true, content: { 'application/json': { schema: approvalSchema } } },
  },
  responses: {
    200: { description: 'the device, approved', content: deviceContent },
    ...problemResponses(...CHANGE_PROBLEMS, 'fingerprint-mismatch', 'no-rights', 'already-known', 'invalid-request'),
  },
})

/**
 * What to do for a device id that has shown no key, where a device that sent no id waits with exactly this key.
 * Whoever may not decide on that one does not learn of it.
 */
async function waitsUnnamed(
  { var: { caller } }: Context<ApiEnv>,
  { enrolments }: HttpServices,
  { id, fingerprint }: { readonly id: string; readonly fingerprint: string },
): Promise<string | undefined> {
  const [named, waiting] = await Promise.all([enrolments.get(id), enrolments.get(fingerprint)])
  if (waiting?.standing !== 'pending' || waiting.presented?.fingerprint !== fingerprint) return undefined
  if (named?.presented !== undefined || (named?.pins.length ?? 0) > 0) return undefined
  if (id === fingerprint || !(await caller.mayOn('admin', fingerprint))) return undefined
  return nameWaitingKey(fingerprint, id)
}

export function registerApproveDevice(api: Api, services: HttpServices): void {
  api.openapi(route, async (c) => {
    const { id } = c.req.valid('param')
    const { as, fingerprint } = c.req.valid('json')
    if (as !== undefined && !(await c.var.caller.mayOn('admin', as))) return answerNoRights(c, 'admin', as)
    const change = await services.enrolments.approve(id, await deciderOn(c, services, as ?? id), {
      fingerprint,
      ...(as === undefined ? {} : { as }),
    })
    const unnamed = change.ok || as !== undefined ? undefined : await waitsUnnamed(c, services, { id, fingerprint })
    if (!change.ok && unnamed !== undefined)
      return answerProblem(c, change.refusal.reason, { ...change.refusal, hint: unnamed })
    return answerChanged(c, services, { id, change })
  })
}
