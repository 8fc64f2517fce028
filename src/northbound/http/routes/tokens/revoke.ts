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
  tags: ['tokens'],
  summary: 'Refuses a token from now on: one of your own, or any where you administer every device',
  request: {
    params: z.object({
      tokenId: z.string().openapi({ param: { name: 'tokenId', in: 'path' }, description: 'the id, not the token' }),
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
