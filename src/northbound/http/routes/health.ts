import { createRoute, z } from '@hono/zod-openapi'
import type { Api } from '../api.js'

const route = createRoute({
  method: 'get',
  path: '/healthz',
  operationId: 'health',
  tags: ['bridge'],
  summary: 'Whether the bridge runs',
  responses: {
    200: {
      description: 'it runs',
      content: { 'application/json': { schema: z.object({ status: z.literal('ok') }) } },
    },
  },
})

export function registerHealth(api: Api): void {
  api.openapi(route, (c) => c.json({ status: 'ok' as const }, 200))
}
