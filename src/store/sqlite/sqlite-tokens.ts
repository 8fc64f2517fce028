import { prepare, type SqliteDatabase } from './sqlite-database.js'
import type { ApiToken } from '../../access/authn/api-token.js'

/** The statements on the table of tokens, as functions. */
export interface TokenTable {
  readonly read: (id: string) => ApiToken | undefined
  readonly list: () => readonly ApiToken[]
  /** Puts a token in the place of what is there. */
  readonly write: (token: ApiToken) => void
  readonly remove: (id: string) => void
}

/** A row of `token`; times are milliseconds since 1970, lists are JSON. */
interface TokenRow {
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

/** Prepares every statement on the table of tokens. */
export function tokenTable(database: SqliteDatabase): TokenTable {
  const one = prepare<{ readonly id: string }, TokenRow>(database, 'SELECT * FROM token WHERE id = :id')
  const all = prepare<object, TokenRow>(database, 'SELECT * FROM token ORDER BY created_at, id')
  const put = prepare<TokenRow>(
    database,
    `INSERT OR REPLACE INTO token
       (id, user, hash, scopes, devices, description,
        created_at, created_by, expires_at, revoked_at, revoked_by, last_used_at)
     VALUES
       (:id, :user, :hash, :scopes, :devices, :description,
        :created_at, :created_by, :expires_at, :revoked_at, :revoked_by, :last_used_at)`,
  )
  const drop = prepare<{ readonly id: string }>(database, 'DELETE FROM token WHERE id = :id')
  return {
    read: (id) => {
      const row = one.get({ id })
      return row && tokenOf(row)
    },
    list: () => all.all({}).map(tokenOf),
    write: (token) => put.run(rowOf(token)),
    remove: (id) => drop.run({ id }),
  }
}

function tokenOf(row: TokenRow): ApiToken {
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

function rowOf({ scopes, devices, revocation, ...token }: ApiToken): TokenRow {
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
