import { createRoute, z } from '@hono/zod-openapi'
import type { Api, HttpServices } from '../../api.js'
import { problemResponses } from '../../problem.js'
import { needs } from '../../middleware/require-scope.js'
import { rightsOnToken, visibleTo } from '../../rights.js'
import { describeToken, tokenSchema } from './token.js'

/** Tokens, the oldest first. */
export const tokenListSchema = z.object({ tokens: z.array(tokenSchema) }).openapi('TokenList')

const route = createRoute({
  method: 'get',
  path: '/api/v1/tokens',
  ...needs('admin'),
  operationId: 'listTokens',
  description:
    "The tokens that the caller may see: their own, or everybody's for whoever administers every " +
    'device. No answer ever holds a token itself.',
  tags: ['tokens'],
  summary: 'Your own tokens, or all where you administer every device; also those that ended in the last 90 days',
  responses: {
    200: { description: 'the oldest first', content: { 'application/json': { schema: tokenListSchema } } },
    ...problemResponses(),
  },
})

export function registerListTokens(api: Api, { tokens }: HttpServices): void {
  api.openapi(route, async (c) => {
    const now = new Date()
    const visible = await visibleTo(await tokens.list(), (token) => rightsOnToken(c.var.caller, token))
    return c.json({ tokens: visible.map(({ thing }) => describeToken(thing, now)) }, 200)
  })
}
