import { createRoute } from '@hono/zod-openapi'
import type { Api, HttpServices } from '../../api.js'
import { problemResponses } from '../../problem.js'
import { needsOnDevice } from '../../middleware/require-scope.js'
import { findSession } from '../../rpc/answer-rpc.js'
import { registerStreamingRoute } from '../../streaming-route.js'
import { sessionIdParameter } from '../operations/operation-route.js'

const route = createRoute({
  method: 'delete',
  path: '/api/v1/devices/{id}/sessions/{sid}',
  ...needsOnDevice('rpc'),
  operationId: 'closeDeviceSession',
  description: 'Closes the session; the device lets go of its locks and discards what was not committed.',
  tags: ['operations'],
  summary: 'Closes a session that you have opened; the device gives its locks back',
  request: { params: sessionIdParameter },
  responses: {
    204: { description: 'closed' },
    ...problemResponses('unknown-session', 'session-ended'),
  },
})

export function registerCloseDeviceSession(api: Api, services: HttpServices): void {
  registerStreamingRoute(api, route, async (c) => {
    const found = await findSession(c, services)
    if ('response' in found) return found.response
    await services.rpc.sessions.close(found.session)
    return c.body(null, 204)
  })
}
