import { createRoute, z } from '@hono/zod-openapi'
import type { Api, Ports } from '../../api.js'
import { problemResponses } from '../../problem.js'
import { needs } from '../../require-scope.js'
import { describeToken, tokenSchema } from './token.js'

/** All tokens, the oldest first. */
export const tokenListSchema = z.object({ tokens: z.array(tokenSchema) }).openapi('TokenList')

const route = createRoute({
  method: 'get',
  path: '/api/v1/tokens',
  ...needs('admin'),
  operationId: 'listTokens',
  tags: ['tokens'],
  summary: 'All tokens, also those that ended in the last 90 days',
  responses: {
    200: { description: 'the oldest first', content: { 'application/json': { schema: tokenListSchema } } },
    ...problemResponses(),
  },
})

export function registerListTokens(api: Api, { tokens }: Ports): void {
  api.openapi(route, async (c) => {
    const now = new Date()
    return c.json({ tokens: (await tokens.list()).map((token) => describeToken(token, now)) }, 200)
  })
}
