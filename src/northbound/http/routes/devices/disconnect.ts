import { createRoute } from '@hono/zod-openapi'
import type { Api, HttpServices } from '../../api.js'
import { answerProblem, problemResponses } from '../../problem.js'
import { needsOnDevice } from '../../middleware/require-scope.js'
import { answerUnknownDevice } from './change.js'
import { deviceIdParameter } from './device-id.js'

const route = createRoute({
  method: 'post',
  path: '/api/v1/devices/{id}/disconnect',
  ...needsOnDevice('admin'),
  operationId: 'disconnectDevice',
  tags: ['devices'],
  summary: 'Ends the link of a device, with all sessions on it; the device dials again by itself',
  request: { params: deviceIdParameter },
  responses: {
    204: { description: 'ended' },
    ...problemResponses('unknown-device', 'not-connected'),
  },
})

export function registerDisconnectDevice(api: Api, { fleet }: HttpServices): void {
  api.openapi(route, async (c) => {
    const { id } = c.req.valid('param')
    if ((await fleet.device(id)) === undefined) return answerUnknownDevice(c, id)
    if (await fleet.disconnect(id, c.var.caller.user)) return c.body(null, 204)
    return answerProblem(c, 'not-connected', {
      message: `device ${JSON.stringify(id)} has no link to end`,
      hint: 'GET /api/v1/devices/{id} (homeport devices show) tells when its last one ended',
    })
  })
}
