import type { ApiToken } from '../../access/authn/api-token.js'
import { type TokenRow, tokenOf, tokenRowOf } from '../token-row.js'
import { prepare, type SqliteDatabase } from './sqlite-database.js'

/** The statements on the table of tokens, as functions. */
export interface TokenTable {
  readonly read: (id: string) => ApiToken | undefined
  readonly list: () => readonly ApiToken[]
  /** Puts a token in the place of what is there. */
  readonly write: (token: ApiToken) => void
  readonly remove: (id: string) => void
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
    write: (token) => put.run(tokenRowOf(token)),
    remove: (id) => drop.run({ id }),
  }
}
