import { createRoute, z } from '@hono/zod-openapi'
import type { Metrics } from '../../../telemetry/metrics.js'
import type { Api } from '../api.js'
import { problemResponses } from '../problem.js'
import { needs } from '../require-scope.js'

const route = createRoute({
  method: 'get',
  path: '/metrics',
  ...needs('read'),
  operationId: 'metrics',
  tags: ['bridge'],
  summary: 'Metrics of this node, for Prometheus',
  responses: {
    200: { description: 'the text exposition format', content: { 'text/plain': { schema: z.string() } } },
    ...problemResponses(),
  },
})

export function registerMetrics(api: Api, metrics: Pick<Metrics, 'exposition'>): void {
  api.openapi(route, async (c) => {
    const { text, contentType } = await metrics.exposition()
    return c.text(text, 200, { 'Content-Type': contentType })
  })
}
