import { createRoute } from '@hono/zod-openapi'
import type { Api, HttpServices } from '../../api.js'
import { problemResponses } from '../../problem.js'
import { needsOnDevice } from '../../middleware/require-scope.js'
import { answerChanged, CHANGE_PROBLEMS, deviceContent } from './change.js'
import { deviceIdParameter } from './device-id.js'

const route = createRoute({
  method: 'post',
  path: '/api/v1/devices/{id}/reject',
  ...needsOnDevice('admin'),
  operationId: 'rejectDevice',
  description:
    'Its calls are refused as `rejected` from now on, and its link ends. A device that the ' +
    'configuration file proves cannot be rejected.',
  tags: ['devices'],
  summary: 'Refuses whoever claims this device id, until it is approved or forgotten',
  request: { params: deviceIdParameter },
  responses: {
    200: { description: 'the device, rejected', content: deviceContent },
    ...problemResponses(...CHANGE_PROBLEMS),
  },
})

export function registerRejectDevice(api: Api, services: HttpServices): void {
  api.openapi(route, async (c) => {
    const { id } = c.req.valid('param')
    const change = await services.enrolments.reject(id, c.var.caller.user)
    return answerChanged(c, services, { id, change })
  })
}
