import { createRoute, z } from '@hono/zod-openapi'
import { unknownToken } from '../../../../access/authn/token-service.js'
import type { Api, HttpServices } from '../../api.js'
import { answerProblem, problemResponses } from '../../problem.js'
import { needs } from '../../middleware/require-scope.js'
import { rightsOnToken } from '../../rights.js'
import { describeToken, tokenSchema } from './token.js'

const route = createRoute({
  method: 'delete',
  path: '/api/v1/tokens/{tokenId}',
  ...needs('admin'),
  operationId: 'revokeToken',
  description: 'The token is good for nothing from now on; streams and sessions that were opened with it end.',
  tags: ['tokens'],
  summary: 'Refuses a token from now on: one of your own, or any where you administer every device',
  request: {
    params: z.object({
      tokenId: z.string().openapi({
        param: { name: 'tokenId', in: 'path' },
        description: 'the id, not the token',
        example: '7k3m9x2c4v8b',
      }),
    }),
  },
  responses: {
    200: { description: 'the token, revoked', content: { 'application/json': { schema: tokenSchema } } },
    ...problemResponses('unknown-token', 'not-written'),
  },
})

export function registerRevokeToken(api: Api, { tokens }: HttpServices): void {
  api.openapi(route, async (c) => {
    const { tokenId } = c.req.valid('param')
    const token = await tokens.get(tokenId)
    // Whoever may not revoke it does not learn that it exists.
    if (token === undefined || !rightsOnToken(c.var.caller, token).end)
      return answerProblem(c, 'unknown-token', unknownToken(tokenId))
    const revoked = await tokens.revoke(tokenId, c.var.caller.user)
    return revoked.ok
      ? c.json(describeToken(revoked.token, new Date()), 200)
      : answerProblem(c, revoked.refusal.reason, revoked.refusal)
  })
}
