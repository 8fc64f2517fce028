import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Api, ApiEnv, HttpServices } from '../../api.js'
import { mayBecomeJob } from '../../jobs/queue-calls.js'
import { needsOnDevice } from '../../middleware/require-scope.js'
import { answerRpc } from '../../rpc/answer-rpc.js'
import { unreadJson } from '../../rpc/large-json.js'
import { readRpc } from '../../rpc/read-rpc.js'
import { registerStreamingRoute } from '../../streaming-route.js'
import { deviceIdParameter } from '../devices/device-id.js'
import { asyncHeader, asyncQuery, queuedResponse } from '../jobs/queued.js'
import {
  idempotencyHeader,
  replyContent,
  rpcProblems,
  sessionIdParameter,
  sessionRpcProblems,
  timeoutQuery,
} from './operation-route.js'

const PLACES = [
  { path: '/api/v1/devices/{id}/rpc', operationId: 'netconfRpc', params: deviceIdParameter },
  { path: '/api/v1/devices/{id}/sessions/{sid}/rpc', operationId: 'netconfRpcOnSession', params: sessionIdParameter },
]

/** Any RPC: `…/rpc`, by itself or on a session that the client has opened. */
export function registerRpc(api: Api, services: HttpServices): void {
  for (const place of PLACES) {
    const waits = mayBecomeJob(place.path)
    const route = createRoute({
      method: 'post',
      path: place.path,
      ...needsOnDevice('rpc'),
      middleware: [needsOnDevice('rpc').middleware, unreadJson()],
      operationId: place.operationId,
      tags: ['operations'],
      summary: 'Any operation, by itself or in an <rpc>',
      description:
        'Takes one operation, or a whole `<rpc>` around one, ' +
        `${waits ? '' : 'on the session that the client has opened, '}and passes` +
        ' the reply on as it comes, of any size. What has no namespace stands in that of NETCONF.',
      request: {
        params: place.params,
        query: waits ? timeoutQuery.extend(asyncQuery.shape) : timeoutQuery,
        headers: waits ? idempotencyHeader.extend(asyncHeader.shape) : idempotencyHeader,
        body: {
          required: true,
          content: {
            // The first one is what /docs sends at once, and Swagger UI makes no XML of an example that is text.
            'application/json': { schema: z.record(z.string(), z.unknown()).openapi({ example: { get: {} } }) },
            'application/xml': { schema: z.string(), example: '<get/>' },
          },
        },
      },
      responses: {
        200: { description: 'the reply of the device', content: replyContent },
        ...(place.path.includes('{sid}') ? sessionRpcProblems : { ...(waits ? queuedResponse : {}), ...rpcProblems }),
      },
    })
    const handle = async (c: Context<ApiEnv>): Promise<Response> => {
      const read = await readRpc(c, services)
      if (!read.ok) return read.response
      const { id = '', sid } = c.req.param() as { id?: string; sid?: string }
      return answerRpc(c, services, { deviceId: id, ...(sid === undefined ? {} : { sessionId: sid }), ...read.rpc })
    }
    registerStreamingRoute(api, route, handle)
  }
}
