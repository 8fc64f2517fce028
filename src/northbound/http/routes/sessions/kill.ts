import { createRoute, z } from '@hono/zod-openapi'
import type { Api, HttpServices } from '../../api.js'
import { answerProblem, problemResponses } from '../../problem.js'
import { needs } from '../../middleware/require-scope.js'
import { rightsOnSession } from '../../rights.js'

const route = createRoute({
  method: 'delete',
  path: '/api/v1/sessions/{sid}',
  ...needs('admin'),
  operationId: 'killSession',
  description: "Ends somebody's session at once; the client is told by whom. Needs the scope `admin` on its device.",
  tags: ['sessions'],
  summary: 'Ends one session; its client is told who did it',
  request: {
    params: z.object({
      sid: z.string().openapi({
        param: { name: 'sid', in: 'path' },
        description: 'the id in the list of sessions',
        example: '3f0c9f5e-7d0a-4c57-9a54-0d6f0b7f2a11',
      }),
    }),
  },
  responses: {
    204: { description: 'ended' },
    ...problemResponses('unknown-session'),
  },
})

export function registerKillSession(api: Api, { fleet }: HttpServices): void {
  api.openapi(route, async (c) => {
    const { sid } = c.req.valid('param')
    const session = (await fleet.sessions()).find(({ id }) => id === sid)
    // Whoever may not end it does not learn that it exists.
    const allowed = session !== undefined && (await rightsOnSession(c.var.caller, session)).end
    if (allowed && (await fleet.endSession(sid, c.var.caller.user))) return c.body(null, 204)
    return answerProblem(c, 'unknown-session', {
      message: `there is no session ${JSON.stringify(sid)}`,
      hint: 'it may have ended by itself; GET /api/v1/sessions (homeport sessions list) has all of them',
    })
  })
}
