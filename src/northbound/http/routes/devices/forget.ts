import { createRoute } from '@hono/zod-openapi'
import type { Api, HttpServices } from '../../api.js'
import { answerProblem, problemResponses } from '../../problem.js'
import { needsOnDevice } from '../../middleware/require-scope.js'
import { CHANGE_PROBLEMS } from './change.js'
import { deviceIdParameter } from './device-id.js'

const route = createRoute({
  method: 'delete',
  path: '/api/v1/devices/{id}',
  ...needsOnDevice('admin'),
  operationId: 'forgetDevice',
  description:
    'Pins, decision, labels and secret are gone, and the next call of the id is that of a stranger. ' +
    'What the configuration file says of a device stays.',
  tags: ['devices'],
  summary: 'Removes all that is stored of the device id, and ends its link unless the configuration knows it',
  request: { params: deviceIdParameter },
  responses: {
    204: { description: 'forgotten' },
    ...problemResponses(...CHANGE_PROBLEMS),
  },
})

export function registerForgetDevice(api: Api, { enrolments }: HttpServices): void {
  api.openapi(route, async (c) => {
    const { id } = c.req.valid('param')
    const change = await enrolments.forget(id, c.var.caller.user)
    return change.ok ? c.body(null, 204) : answerProblem(c, change.refusal.reason, change.refusal)
  })
}
