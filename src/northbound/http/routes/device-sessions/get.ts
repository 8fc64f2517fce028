import { createRoute } from '@hono/zod-openapi'
import type { Api, HttpServices } from '../../api.js'
import { problemResponses } from '../../problem.js'
import { needsOnDevice } from '../../middleware/require-scope.js'
import { findSession } from '../../rpc/answer-rpc.js'
import { registerStreamingRoute } from '../../streaming-route.js'
import { sessionIdParameter } from '../operations/operation-route.js'
import { describeDeviceSession, deviceSessionSchema } from './session.js'

const route = createRoute({
  method: 'get',
  path: '/api/v1/devices/{id}/sessions/{sid}',
  ...needsOnDevice('rpc'),
  operationId: 'getDeviceSession',
  description: "The session with its capabilities and the device's own number for it. 410 once it has ended.",
  tags: ['operations'],
  summary: 'A session that you have opened',
  request: { params: sessionIdParameter },
  responses: {
    200: { description: 'the session', content: { 'application/json': { schema: deviceSessionSchema } } },
    ...problemResponses('unknown-session', 'session-ended'),
  },
})

export function registerGetDeviceSession(api: Api, services: HttpServices): void {
  registerStreamingRoute(api, route, async (c) => {
    const found = await findSession(c, services)
    return 'response' in found ? found.response : c.json(describeDeviceSession(found.session))
  })
}
