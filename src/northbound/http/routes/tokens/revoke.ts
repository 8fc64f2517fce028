import { createRoute, z } from '@hono/zod-openapi'
import type { Api, Ports } from '../../api.js'
import { answerProblem, problemResponses } from '../../problem.js'
import { needs } from '../../require-scope.js'
import { describeToken, tokenSchema } from './token.js'

const route = createRoute({
  method: 'delete',
  path: '/api/v1/tokens/{tokenId}',
  ...needs('admin'),
  operationId: 'revokeToken',
  tags: ['tokens'],
  summary: 'Refuses a token from now on, whoever it is for',
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

export function registerRevokeToken(api: Api, { tokens }: Ports): void {
  api.openapi(route, async (c) => {
    const revoked = await tokens.revoke(c.req.valid('param').tokenId, c.var.caller.user)
    return revoked.ok
      ? c.json(describeToken(revoked.token, new Date()), 200)
      : answerProblem(c, revoked.problem.cause, revoked.problem)
  })
}
