import { createRoute, z } from '@hono/zod-openapi'
import { samePrincipal } from '../../../../access/authz/principal.js'
import type { WantedToken } from '../../../../access/authn/token-service.js'
import type { Api, HttpServices } from '../../api.js'
import type { Caller } from '../../middleware/caller.js'
import { answerProblem, problemResponses } from '../../problem.js'
import { needs } from '../../middleware/require-scope.js'
import { describeToken, scopeSchema, tokenSchema } from './token.js'

const DAY = 24 * 60 * 60

const newTokenSchema = z
  .strictObject({
    user: z.string().min(1).max(255).openapi({ description: 'whose rights it gives' }),
    scopes: z.array(scopeSchema).min(1).max(3).optional(),
    devices: z.array(z.string().min(1).max(255)).min(1).max(100).optional(),
    description: z.string().min(1).max(255).optional(),
    expiresIn: z
      .int()
      .min(1)
      .max(3650 * DAY)
      .optional()
      .openapi({ description: 'seconds; without it the token is good until it is revoked' }),
  })
  .openapi('NewToken', {
    example: { user: 'ops', scopes: ['read'], description: 'nightly report', expiresIn: 2_592_000 },
  })

/** A token with what its bearer shows. */
export const createdTokenSchema = tokenSchema
  .extend({ token: z.string().openapi({ description: 'what the bearer shows; no other answer ever holds it' }) })
  .openapi('CreatedToken')

const route = createRoute({
  method: 'post',
  path: '/api/v1/tokens',
  ...needs('admin'),
  operationId: 'createToken',
  description:
    'Makes a token for a user, with all their rights or with less: some scopes, some devices, an end. ' +
    'The answer is the only one that ever holds the token.',
  tags: ['tokens'],
  summary: 'Makes a token that acts as a user: on the operator’s socket any user, else oneself, with a password',
  request: { body: { required: true, content: { 'application/json': { schema: newTokenSchema } } } },
  responses: {
    201: { description: 'the token', content: { 'application/json': { schema: createdTokenSchema } } },
    ...problemResponses('not-for-others', 'unknown-user', 'too-many-tokens', 'invalid-request', 'not-written'),
  },
})

export function registerCreateToken(api: Api, { tokens }: HttpServices): void {
  api.openapi(route, async (c) => {
    const asked = c.req.valid('json')
    const { caller } = c.var
    if (!mayMakeFor(caller, asked.user))
      return answerProblem(c, 'not-for-others', {
        message: `user ${JSON.stringify(caller.user)} may not make a token for ${JSON.stringify(asked.user)} this way`,
        hint: 'use homeport token create on the host of the bridge, or your own password for a token of your own',
      })
    const created = await tokens.create(wantedToken(asked, caller.user))
    if (!created.ok) return answerProblem(c, created.refusal.reason, created.refusal)
    return c.json({ ...describeToken(created.token, new Date()), token: created.text }, 201)
  })
}

/**
 * Whoever may make tokens with a token could widen and prolong it without end, and with another's name have that one's
 * rights. A token acts as a user of the configuration: somebody of that name whom the hook or an issuer knows is
 * somebody else.
 */
function mayMakeFor({ kind, method, principal, grantedRoles }: Caller, user: string): boolean {
  if (kind === 'operator') return true
  // The token would have the roles of the entry, which may be more than those that the hook gave.
  return method === 'password' && grantedRoles === undefined && samePrincipal(principal, { realm: 'local', name: user })
}

function wantedToken(asked: z.output<typeof newTokenSchema>, createdBy: string): WantedToken {
  const { user, scopes, devices, description, expiresIn } = asked
  return {
    user,
    createdBy,
    ...(scopes === undefined ? {} : { scopes: [...new Set(scopes)] }),
    ...(devices === undefined ? {} : { devices }),
    ...(description === undefined ? {} : { description }),
    ...(expiresIn === undefined ? {} : { expiresAt: new Date(Date.now() + expiresIn * 1000) }),
  }
}
