import { createRoute, z } from '@hono/zod-openapi'
import type { Api, HttpServices } from '../../api.js'
import { problemResponses } from '../../problem.js'
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

export function registerApproveDevice(api: Api, services: HttpServices): void {
  api.openapi(route, async (c) => {
    const { id } = c.req.valid('param')
    const { as, fingerprint } = c.req.valid('json')
    if (as !== undefined && !(await c.var.caller.mayOn('admin', as))) return answerNoRights(c, 'admin', as)
    const change = await services.enrolments.approve(id, await deciderOn(c, services, as ?? id), {
      fingerprint,
      ...(as === undefined ? {} : { as }),
    })
    return answerChanged(c, services, { id, change })
  })
}
