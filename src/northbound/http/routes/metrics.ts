import { createRoute, z } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import type { Metrics } from '../../../telemetry/metrics.js'
import type { Api, ApiEnv } from '../api.js'
import { problemResponses } from '../problem.js'
import { needs, requireScope } from '../middleware/require-scope.js'

const definition = {
  method: 'get' as const,
  path: '/metrics',
  security: needs('read').security,
  operationId: 'metrics',
  description: 'All metrics of this node, in the text format of Prometheus.',
  tags: ['bridge'],
  summary: 'Metrics of this node, for Prometheus; the configuration may open it to everybody',
  responses: {
    200: { description: 'the text exposition format', content: { 'text/plain': { schema: z.string() } } },
    ...problemResponses(),
  },
}

/** @param isPublic whether everybody may read them, who need not say who they are then */
export function registerMetrics(api: Api, metrics: Pick<Metrics, 'exposition'>, isPublic: () => boolean): void {
  const scoped = requireScope('read')
  const middleware: MiddlewareHandler<ApiEnv> = (c, next) => (isPublic() ? next() : scoped(c, next))
  api.openapi(createRoute({ ...definition, middleware }), async (c) => {
    const { text, contentType } = await metrics.exposition()
    return c.text(text, 200, { 'Content-Type': contentType })
  })
}
