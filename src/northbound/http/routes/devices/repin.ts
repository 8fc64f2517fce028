import { createRoute, z } from '@hono/zod-openapi'
import type { Api, HttpServices } from '../../api.js'
import { problemResponses } from '../../problem.js'
import { needsOnDevice } from '../../middleware/require-scope.js'
import { answerChanged, CHANGE_PROBLEMS, deciderOn, deviceContent } from './change.js'
import { deviceIdParameter } from './device-id.js'
import { fingerprintSchema, exampleFingerprint } from './fingerprint.js'

const repinSchema = z.strictObject({ fingerprint: fingerprintSchema }).openapi('Repin', { example: exampleFingerprint })

const route = createRoute({
  method: 'post',
  path: '/api/v1/devices/{id}/repin',
  ...needsOnDevice('admin'),
  operationId: 'repinDevice',
  description:
    'After a hardware swap: the new key replaces all pins. Compare the fingerprint with what the ' +
    'device itself prints first.',
  tags: ['devices'],
  summary:
    'Binds the device id to the key of this fingerprint, ' +
    'which it must have shown, instead of those before (a hardware swap)',
  request: {
    params: deviceIdParameter,
    body: { required: true, content: { 'application/json': { schema: repinSchema } } },
  },
  responses: {
    200: { description: 'the device with its new pin', content: deviceContent },
    ...problemResponses(...CHANGE_PROBLEMS, 'fingerprint-mismatch', 'invalid-request'),
  },
})

export function registerRepinDevice(api: Api, services: HttpServices): void {
  api.openapi(route, async (c) => {
    const { id } = c.req.valid('param')
    const change = await services.enrolments.repin(
      id,
      await deciderOn(c, services, id),
      c.req.valid('json').fingerprint,
    )
    return answerChanged(c, services, { id, change })
  })
}
