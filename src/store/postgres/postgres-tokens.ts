import { type TokenRow, tokenOf, tokenRowOf } from '../token-row.js'
import type { Tokens } from '../store.js'
import type { EngineCalls } from './engine-calls.js'
import type { PostgresEngine, Sql } from './postgres-engine.js'
import { Overtaken } from './postgres-failure.js'
import { insertInto, settingEach } from './sql-text.js'

/** `user` is a word of SQL. */
type Row = Omit<TokenRow, 'user'> & { readonly user_name: string }

const COLUMNS = [
  'id',
  'user_name',
  'hash',
  'scopes',
  'devices',
  'description',
  'created_at',
  'created_by',
  'expires_at',
  'revoked_at',
  'revoked_by',
  'last_used_at',
] as const satisfies readonly (keyof Row)[]
const INSERT = `${insertInto('token', COLUMNS)} ON CONFLICT (id) DO NOTHING`
const UPDATE = `UPDATE token SET ${settingEach(COLUMNS)} WHERE id = $1`

export function storedTokens(engine: PostgresEngine, calls: EngineCalls): Tokens {
  return {
    get: (id) =>
      calls.read(() =>
        engine.read(async (sql) => {
          const { rows } = await sql<Row>('SELECT * FROM token WHERE id = $1', [id])
          return rows[0] && tokenOf(rowOf(rows[0]))
        }),
      ),
    list: () =>
      calls.read(() =>
        engine.read(async (sql) => {
          const { rows } = await sql<Row>('SELECT * FROM token ORDER BY created_at, id')
          return rows.map((row) => tokenOf(rowOf(row)))
        }),
      ),
    update: (id, change) =>
      calls.write(() =>
        engine.write(async (sql) => {
          const { rows } = await sql<Row>('SELECT * FROM token WHERE id = $1 FOR UPDATE', [id])
          const current = rows[0] && tokenOf(rowOf(rows[0]))
          const next = change(current)
          if (next === current) return { value: next, changed: [] }
          if (next === undefined) await sql('DELETE FROM token WHERE id = $1', [id])
          else await write(sql, tokenRowOf(next), current === undefined)
          return { value: next, changed: [{ kind: 'token', key: id }] }
        }),
      ),
  }
}

async function write(sql: Sql, { user, ...rest }: TokenRow, isNew: boolean): Promise<void> {
  const row: Row = { ...rest, user_name: user }
  const { count } = await sql(
    isNew ? INSERT : UPDATE,
    COLUMNS.map((column) => row[column]),
  )
  if (count === 0) throw new Overtaken('another node has made it')
}

function rowOf({ user_name: user, ...rest }: Row): TokenRow {
  return { ...rest, user }
}
