import type { ApiToken } from '../access/authn/api-token.js'

/** A row of `token`, in either engine; times are milliseconds since 1970, lists are JSON. */
export interface TokenRow {
  readonly id: string
  readonly user: string
  // libsql takes a Buffer and gives an ArrayBuffer.
  readonly hash: Buffer | ArrayBuffer
  readonly scopes: string | null
  readonly devices: string | null
  readonly description: string | null
  readonly created_at: number
  readonly created_by: string
  readonly expires_at: number | null
  readonly revoked_at: number | null
  readonly revoked_by: string | null
  readonly last_used_at: number | null
}

/** The token that a row holds. */
export function tokenOf(row: TokenRow): ApiToken {
  return {
    id: row.id,
    user: row.user,
    hash: Buffer.isBuffer(row.hash) ? row.hash : Buffer.from(row.hash),
    ...(row.scopes !== null && { scopes: JSON.parse(row.scopes) as NonNullable<ApiToken['scopes']> }),
    ...(row.devices !== null && { devices: JSON.parse(row.devices) as string[] }),
    ...(row.description !== null && { description: row.description }),
    createdAt: new Date(row.created_at),
    createdBy: row.created_by,
    ...(row.expires_at !== null && { expiresAt: new Date(row.expires_at) }),
    ...(row.revoked_at !== null &&
      row.revoked_by !== null && { revocation: { at: new Date(row.revoked_at), by: row.revoked_by } }),
    ...(row.last_used_at !== null && { lastUsedAt: new Date(row.last_used_at) }),
  }
}

/** The row of a token. */
export function tokenRowOf({ scopes, devices, revocation, ...token }: ApiToken): TokenRow {
  return {
    id: token.id,
    user: token.user,
    hash: token.hash,
    scopes: scopes === undefined ? null : JSON.stringify(scopes),
    devices: devices === undefined ? null : JSON.stringify(devices),
    description: token.description ?? null,
    created_at: token.createdAt.getTime(),
    created_by: token.createdBy,
    expires_at: token.expiresAt?.getTime() ?? null,
    revoked_at: revocation?.at.getTime() ?? null,
    revoked_by: revocation?.by ?? null,
    last_used_at: token.lastUsedAt?.getTime() ?? null,
  }
}
