import { createRoute } from '@hono/zod-openapi'
import type { Api, HttpServices } from '../../api.js'
import { problemResponses } from '../../problem.js'
import { needsOnDevice } from '../../middleware/require-scope.js'
import { answerUnknownDevice, deviceContent } from './change.js'
import { describeDevice } from './device.js'
import { deviceIdParameter } from './device-id.js'

const route = createRoute({
  method: 'get',
  path: '/api/v1/devices/{id}',
  ...needsOnDevice('read'),
  operationId: 'getDevice',
  description:
    'Standing, pins, link state with the reason and hint of the last refusal, and the link itself: ' +
    'what proved the device and how the bridge logged in.',
  tags: ['devices'],
  summary: 'One device',
  request: { params: deviceIdParameter },
  responses: {
    200: { description: 'the device', content: deviceContent },
    ...problemResponses('unknown-device'),
  },
})

export function registerGetDevice(api: Api, { fleet, enrolments }: HttpServices): void {
  api.openapi(route, async (c) => {
    const { id } = c.req.valid('param')
    const [status, enrolment] = await Promise.all([fleet.device(id), enrolments.get(id)])
    if (status === undefined && enrolment === undefined) return answerUnknownDevice(c, id)
    return c.json(describeDevice(id, enrolment, status), 200)
  })
}
