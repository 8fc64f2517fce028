import { setTimeout as pause } from 'node:timers/promises'
import { Pool, types } from 'pg'
import type { ClusterAnswer, ClusterDatabase, ClusterSql } from '../../../src/cluster/postgres-cluster-engine.js'

/** A database with a pool of connections, as the store has one. */
export interface PoolDatabase extends ClusterDatabase {
  readonly close: () => Promise<void>
}

const INT8 = 20
const TRIES = 20

/** @param url of a database of PostgreSQL, or of a pgbouncer before it */
export function openPool(url: string, { connections = 4 } = {}): PoolDatabase {
  const pool = new Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: 2_000,
    query_timeout: 3_000,
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === INT8 ? Number : types.getTypeParser(oid, format),
    },
  })
  // What goes wrong on a connection that nobody uses, the next one who uses it finds out.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => void client.on('error', () => undefined))

  const once = async <T>(begin: string, work: (sql: ClusterSql) => Promise<T>): Promise<T> => {
    const client = await pool.connect()
    try {
      await client.query(begin)
      const value = await work(
        async <Row>(text: string, values: readonly unknown[] = []): Promise<ClusterAnswer<Row>> => {
          const { rows, rowCount } = await client.query(text, [...values])
          return { rows: rows as readonly Row[], count: rowCount ?? 0 }
        },
      )
      await client.query('COMMIT')
      client.release()
      return value
    } catch (error) {
      client.release(true)
      throw error
    }
  }
  const often = async <T>(begin: string, work: (sql: ClusterSql) => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries += 1)
      try {
        return await once(begin, work)
      } catch (error) {
        if (!isInTheWay(error) || tries === TRIES) throw error
        await pause(Math.random() * 20)
      }
  }
  return {
    isCockroach: false,
    read: (work) => often('BEGIN; SET TRANSACTION READ ONLY', work),
    writeLoosely: (work) => often('BEGIN; SET LOCAL synchronous_commit = off', work),
    close: () => pool.end(),
  }
}

function isInTheWay(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === '40001' || error.code === '40P01')
}

/** What the store makes of errors of a database, as far as tests want it. */
export function failureOf(error: unknown): { readonly message: string; readonly hint: string } | undefined {
  if (!(error instanceof Error)) return undefined
  // A mistake in a statement is one of ours.
  if ('code' in error && typeof error.code === 'string' && /^(22|23|42)/.test(error.code)) return undefined
  return { message: error.message, hint: 'see whether the database runs' }
}
