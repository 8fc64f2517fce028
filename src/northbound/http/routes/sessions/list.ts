import { createRoute, z } from '@hono/zod-openapi'
import type { Api, HttpServices } from '../../api.js'
import { problemResponses } from '../../problem.js'
import { needs } from '../../middleware/require-scope.js'
import { describeSession, sessionSchema } from './session.js'

/** Sessions, the oldest first. */
export const sessionListSchema = z.object({ sessions: z.array(sessionSchema) }).openapi('SessionList')

const wanted = z.object({
  device: z.string().optional().openapi({ description: 'those on this device alone' }),
  user: z.string().optional().openapi({ description: 'those of this user alone' }),
})

const route = createRoute({
  method: 'get',
  path: '/api/v1/sessions',
  ...needs('read'),
  operationId: 'listSessions',
  description:
    'Every session that a client has on a device, over SSH and HTTP, with who it is, from where, ' +
    'since when, and the bytes that it has carried.',
  tags: ['sessions'],
  summary: 'The sessions that clients have on devices now, as far as the caller may see the devices',
  request: { query: wanted },
  responses: {
    200: { description: 'the oldest first', content: { 'application/json': { schema: sessionListSchema } } },
    ...problemResponses('invalid-request'),
  },
})

export function registerListSessions(api: Api, { fleet }: HttpServices): void {
  api.openapi(route, async (c) => {
    const { device, user } = c.req.valid('query')
    const sessions = (await fleet.sessions()).filter(
      (session) =>
        (device === undefined || session.deviceId === device) && (user === undefined || session.client.user === user),
    )
    const ids = [...new Set(sessions.map(({ deviceId }) => deviceId))]
    const devices = await Promise.all(ids.map(async (id) => (await fleet.device(id)) ?? { id, labels: {} }))
    const seen = new Set(devices.filter((status) => c.var.caller.sees(status)).map(({ id }) => id))
    return c.json({ sessions: sessions.filter(({ deviceId }) => seen.has(deviceId)).map(describeSession) }, 200)
  })
}
