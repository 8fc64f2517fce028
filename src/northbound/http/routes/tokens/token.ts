import { z } from '@hono/zod-openapi'
import { type ApiToken, isExpired } from '../../../../access/authn/api-token.js'
import { SCOPES } from '../../../../access/authz/scope.js'

const time = z.iso.datetime()

export const scopeSchema = z.enum(SCOPES)

/** A token, without what its bearer shows. */
export const tokenSchema = z
  .object({
    id: z
      .string()
      .openapi({ description: 'what stands between `hp_` and the next `_` of the token', example: '7k3m9x2c4v8b' }),
    user: z.string(),
    state: z.enum(['good', 'expired', 'revoked']),
    scopes: z.array(scopeSchema).nullable().openapi({ description: 'null for all that the roles of the user have' }),
    devices: z.array(z.string()).nullable().openapi({ description: 'selectors; null for all devices of the roles' }),
    description: z.string().nullable(),
    createdAt: time,
    createdBy: z.string(),
    expiresAt: time.nullable(),
    revokedAt: time.nullable(),
    revokedBy: z.string().nullable(),
    lastUsedAt: time.nullable().openapi({ description: 'give or take a minute' }),
  })
  .openapi('Token')

export type TokenView = z.infer<typeof tokenSchema>

export function describeToken(token: ApiToken, now: Date): TokenView {
  const { id, user, scopes, devices, description, createdAt, createdBy, expiresAt, revocation, lastUsedAt } = token
  return {
    id,
    user,
    state: revocation !== undefined ? 'revoked' : isExpired(token, now) ? 'expired' : 'good',
    scopes: scopes === undefined ? null : [...scopes],
    devices: devices === undefined ? null : [...devices],
    description: description ?? null,
    createdAt: createdAt.toISOString(),
    createdBy,
    expiresAt: expiresAt?.toISOString() ?? null,
    revokedAt: revocation?.at.toISOString() ?? null,
    revokedBy: revocation?.by ?? null,
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
  }
}
