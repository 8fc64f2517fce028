import { createRoute } from '@hono/zod-openapi'
import type { Api, Ports } from '../../api.js'
import { problemResponses } from '../../problem.js'
import { needsOnDevice } from '../../require-scope.js'
import { answerChanged, changeProblems, deciderOn, deviceContent } from './change.js'
import { deviceIdParameter } from './device-id.js'

const route = createRoute({
  method: 'post',
  path: '/api/v1/devices/{id}/repin',
  ...needsOnDevice('admin'),
  operationId: 'repinDevice',
  tags: ['devices'],
  summary: 'Binds the device id to the key that it showed last instead of those before, after a hardware swap',
  request: { params: deviceIdParameter },
  responses: {
    200: { description: 'the device with its new pin', content: deviceContent },
    ...problemResponses(...changeProblems),
  },
})

export function registerRepinDevice(api: Api, ports: Ports): void {
  api.openapi(route, async (c) => {
    const { id } = c.req.valid('param')
    const change = await ports.enrolments.repin(id, await deciderOn(c, ports, id))
    return answerChanged(c, id, change, ports)
  })
}
