import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import type { Pool, PoolClient } from 'pg'
import { setTimeout as pause } from 'node:timers/promises'
import type { PostgresDatabase } from '../../lib/postgres-url.js'
import { createSemaphore } from '../../lib/semaphore.js'
import { EngineError, isConnectionLost, isInTheWay, leavesConnectionUsable } from './postgres-failure.js'

/** Bounds on what is asked of the database; times in milliseconds. */
export interface EngineLimits {
  /** That calls use at a time; one more is for what may not wait for them. */
  readonly connections: number
  /** For making a connection. */
  readonly connectTimeout: number
  /** For one statement. */
  readonly statementTimeout: number
  /** For all tries of one call together, its waiting for its turn and for a connection included. */
  readonly patience: number
  /** For learning what became of a commit that was not answered. */
  readonly settleTimeout: number
}

export const ENGINE_LIMITS: EngineLimits = {
  connections: 10,
  connectTimeout: 5_000,
  statementTimeout: 5_000,
  patience: 15_000,
  settleTimeout: 10_000,
}

/** One statement, with `$1` and so on for its values. */
export type Sql = <Row>(text: string, values?: readonly unknown[]) => Promise<Answer<Row>>

export interface Answer<Row> {
  readonly rows: readonly Row[]
  /** How many rows it has read or changed. */
  readonly count: number
}

/** What a transaction has changed, for other nodes to hear of. */
export interface Change {
  readonly kind: 'enrolment' | 'token' | 'job' | 'endpoint'
  readonly key: string
  /** Who is told as the one that wrote it. */
  readonly writer?: string
}

/** What a transaction gives, and what it has changed; nothing, and it need not be committed. */
export interface Done<T> {
  readonly value: T
  readonly changed: readonly Change[]
}

/** A database of PostgreSQL's kind: plain SQL through a bounded pool, nothing of which outlives a transaction. */
export interface PostgresEngine {
  /** How messages call it. */
  readonly name: string
  /** It takes what PostgreSQL takes, but for a few words that it has no use for. */
  readonly isCockroach: boolean
  /** Tells these of its writes from those of other processes. */
  readonly opener: string
  /** Reads in a transaction. */
  readonly read: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>
  /**
   * Writes what must not be lost once it was answered. The work is done anew where another was in the way; where a
   * commit is not answered it is looked up what became of it before anything is said.
   * @param until when its turn ends, in the clock of `performance.now`
   */
  readonly write: <T>(work: (sql: Sql) => Promise<Done<T>>, until?: number) => Promise<T>
  /** Writes what may be lost with the engine's last moment, and does no harm when it is written twice. */
  readonly writeLoosely: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>
  /** As `writeLoosely`, and waits for no other call: on a connection that is kept free for it. */
  readonly writeAhead: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>
  /** Does DDL and what else takes its time; a try that fails is not repeated. */
  readonly atLeisure: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>
  /** Whether a change of its own was answered for: others hear of it by itself, and not once more. */
  readonly isKnown: (transaction: string) => boolean
  readonly close: () => Promise<void>
}

/** Tries of one call at most, for where everybody wants the same rows. */
const MOST_TRIES = 20
/** Calls that may wait for a connection. */
const MOST_WAITING = 1_000
/** Milliseconds for one statement of a migration. */
const LEISURE = 120_000
/** Milliseconds that a client waits longer than the server says that it works. */
const GRACE = 1_000
/** Transactions whose outcome is remembered; the oldest are forgotten. */
const REMEMBERED = 20_000

/** Connects. `pg` is loaded here, and nowhere else. Throws what connecting throws. */
export async function openEngine(
  database: PostgresDatabase,
  limits: EngineLimits = ENGINE_LIMITS,
): Promise<PostgresEngine> {
  const { default: pg } = await import('pg')
  const { host, port, user, password, shown: name } = database
  const pool = new pg.Pool({
    host,
    port,
    user,
    ...(password === undefined ? {} : { password }),
    database: database.database,
    ssl: tlsOf(database),
    application_name: 'homeport',
    max: limits.connections + 1,
    connectionTimeoutMillis: limits.connectTimeout,
    query_timeout: limits.statementTimeout + GRACE,
    keepAlive: true,
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === INT8 ? Number : pg.types.getTypeParser(oid, format),
    },
  })
  // A connection that breaks while nobody uses it is replaced; one that is used tells its user by itself.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => void client.on('error', () => undefined))
  try {
    const connections = connectionsOf(pool)
    const { rows } = await connections.transaction({ begin: begin(limits.statementTimeout), end: 'ROLLBACK' }, (sql) =>
      sql<{ readonly version: string }>('SELECT version() AS version'),
    )
    const isCockroach = rows[0]?.version.startsWith('CockroachDB') === true
    return engineOn({ connections, name, limits, isCockroach, close: () => pool.end() })
  } catch (error) {
    await pool.end()
    throw error
  }
}

/** The type of PostgreSQL's 64 bits, which holds our milliseconds and versions. */
const INT8 = 20

function engineOn({
  connections,
  name,
  limits,
  isCockroach,
  close,
}: {
  readonly connections: Connections
  readonly limits: EngineLimits
} & Pick<PostgresEngine, 'name' | 'isCockroach' | 'close'>): PostgresEngine {
  const opener = randomUUID()
  const known = new Set<string>()
  const gate = createSemaphore(limits.connections, MOST_WAITING)
  const durably = begin(limits.statementTimeout, isCockroach ? undefined : 'on')
  const loosely = begin(limits.statementTimeout, isCockroach ? undefined : 'off')

  /** Tries until it is done, nobody is in the way, or the time is over. A connection that broke is tried once more. */
  const tryOften = async <T>(attempt: () => Promise<T>, until: number): Promise<T> => {
    let lost = 0
    for (let tries = 1; ; tries += 1) {
      try {
        // Those whose time is over while they wait make way at once when their turn comes.
        const passage = await gate(() => (performance.now() > until ? Promise.reject(tooLate(name)) : attempt()))
        if (passage.entered) return passage.result
        throw tooLate(name)
      } catch (error) {
        if (isConnectionLost(error)) lost += 1
        const again = isInTheWay(error) ? tries < MOST_TRIES : isConnectionLost(error) && lost < 2
        if (!again) throw error
        await pause(Math.random() * 10 * Math.min(tries, 10))
      }
    }
  }
  const deadline = (): number => performance.now() + limits.patience

  /**
   * Whether a transaction was committed whose commit was not answered. While it may still be, its note of what it has
   * changed holds up ours of the same name.
   */
  const settle = async (transaction: string): Promise<boolean> => {
    const until = performance.now() + limits.settleTimeout
    for (;;) {
      try {
        return await connections.transaction({ begin: durably, end: 'ROLLBACK' }, async (sql) => {
          const { count } = await sql(NOTE, [transaction, 0, 'probe', '', null, opener])
          return count === 0
        })
      } catch (error) {
        if (performance.now() > until) throw unknownOutcome(name, error)
        await pause(100 + Math.random() * 100)
      }
    }
  }

  return {
    name,
    isCockroach,
    opener,
    read: (work) =>
      tryOften(
        () =>
          connections.transaction(
            { begin: `${begin(limits.statementTimeout)}; SET TRANSACTION READ ONLY`, end: 'ROLLBACK' },
            work,
          ),
        deadline(),
      ),
    write: async (work, until = deadline()) => {
      const transaction = randomUUID()
      known.add(transaction)
      if (known.size > REMEMBERED) {
        const [oldest = ''] = known
        known.delete(oldest)
      }
      try {
        return await tryOften(async () => {
          const commit = await connections.uncommitted(durably, async (sql) => {
            const done = await work(sql)
            for (const [position, { kind, key, writer }] of done.changed.entries())
              await sql(NOTE, [transaction, position, kind, key, writer ?? null, opener])
            return done
          })
          if (commit.value.changed.length === 0) {
            await commit.rollBack()
            return commit.value.value
          }
          const outcome = await commit.commit()
          if (outcome.kind === 'not-replicated') throw notReplicated(name)
          if (outcome.kind === 'unknown' && !(await settle(transaction))) throw outcome.error
          return commit.value.value
        }, until)
      } catch (error) {
        known.delete(transaction)
        throw error
      }
    },
    writeLoosely: (work) =>
      tryOften(() => connections.transaction({ begin: loosely, end: 'COMMIT' }, work), deadline()),
    writeAhead: (work) => connections.transaction({ begin: loosely, end: 'COMMIT' }, work),
    atLeisure: (work) =>
      connections.transaction(
        { begin: begin(LEISURE, isCockroach ? undefined : 'on'), end: 'COMMIT', timeout: LEISURE + GRACE },
        work,
      ),
    isKnown: (transaction) => known.has(transaction),
    close,
  }
}

const NOTE = `INSERT INTO change (transaction, position, kind, key, writer, opener, at)
  VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp()) ON CONFLICT DO NOTHING`

/** What a pool of connections does with one of them. */
interface Connections {
  /** Does work in a transaction, and ends it so. */
  readonly transaction: <T>(how: TransactionForm, work: (sql: Sql) => Promise<T>) => Promise<T>
  /** Does work in a transaction that is left to be ended by what it gives. */
  readonly uncommitted: <T>(begin: string, work: (sql: Sql) => Promise<T>) => Promise<Uncommitted<T>>
}

interface TransactionForm {
  readonly begin: string
  readonly end: 'COMMIT' | 'ROLLBACK'
  /** For one statement, as long as the client waits. */
  readonly timeout?: number
}

interface Uncommitted<T> {
  readonly value: T
  readonly rollBack: () => Promise<void>
  readonly commit: () => Promise<Outcome>
}

type Outcome =
  | { readonly kind: 'committed' }
  | { readonly kind: 'unknown'; readonly error: unknown }
  /** It is there, and a synchronous standby does not have it. */
  | { readonly kind: 'not-replicated' }

function connectionsOf(pool: Pool): Connections {
  /** What goes wrong leaves a connection of which nothing is known: it is ended, and the server rolls back. */
  const orRelease = async <T>(client: PoolClient, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      client.release(!(leavesConnectionUsable(error) && (await rolledBack(client))))
      throw error
    }
  }
  const uncommitted = async <T>(
    { begin, timeout }: Pick<TransactionForm, 'begin' | 'timeout'>,
    work: (sql: Sql) => Promise<T>,
  ): Promise<Uncommitted<T>> => {
    const client = await pool.connect()
    const sql: Sql = async <Row>(text: string, values: readonly unknown[] = []): Promise<Answer<Row>> => {
      const { rows, rowCount } = await client.query({
        text,
        values: [...values],
        ...(timeout === undefined ? {} : { query_timeout: timeout }),
      })
      return { rows: rows as readonly Row[], count: rowCount ?? 0 }
    }
    return orRelease(client, async () => {
      await client.query(begin)
      const value = await work(sql)
      return {
        value,
        rollBack: () =>
          orRelease(client, async () => {
            await client.query('ROLLBACK')
            client.release()
          }),
        commit: () => orRelease(client, () => commitOn(client)),
      }
    })
  }
  return {
    uncommitted: (begin, work) => uncommitted({ begin }, work),
    transaction: async (how, work) => {
      const { value, commit, rollBack } = await uncommitted(how, work)
      if (how.end === 'ROLLBACK') await rollBack()
      else {
        const outcome = await commit()
        if (outcome.kind === 'unknown') throw outcome.error
      }
      return value
    },
  }
}

/** Commits, and releases the connection unless it throws. */
async function commitOn(client: PoolClient): Promise<Outcome> {
  let isReplicated = true
  const onNotice = ({ code }: { readonly code?: string | undefined }): void => {
    // A synchronous standby that does not answer is all that a commit is warned of.
    if (code === WARNING || code === ADMIN_SHUTDOWN) isReplicated = false
  }
  client.on('notice', onNotice)
  try {
    const { command } = await client.query('COMMIT')
    client.off('notice', onNotice)
    if (command !== 'COMMIT') throw new TypeError('a transaction that had failed was committed')
    client.release()
    return isReplicated ? { kind: 'committed' } : { kind: 'not-replicated' }
  } catch (error) {
    client.off('notice', onNotice)
    // A refusal of the database rolled it back: any other end may have come after it was committed.
    if (leavesConnectionUsable(error) && !isCancelled(error)) throw error
    client.release(true)
    return { kind: 'unknown', error }
  }
}

const WARNING = '01000'
const ADMIN_SHUTDOWN = '57P01'

function isCancelled(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '57014'
}

async function rolledBack(client: PoolClient): Promise<boolean> {
  try {
    await client.query('ROLLBACK')
    return true
  } catch {
    return false
  }
}

/** Begins a transaction whose settings end with it, in one message: a pool in transaction mode may stand between. */
function begin(statementTimeout: number, synchronousCommit?: 'on' | 'off'): string {
  return [
    'BEGIN ISOLATION LEVEL READ COMMITTED',
    `SET LOCAL statement_timeout = ${statementTimeout}`,
    // Of a node that stops in the middle: what it has locked is free again after this.
    `SET LOCAL idle_in_transaction_session_timeout = ${statementTimeout}`,
    ...(synchronousCommit === undefined ? [] : [`SET LOCAL synchronous_commit = ${synchronousCommit}`]),
  ].join('; ')
}

/** Throws where a file cannot be read. */
function tlsOf({ tls, tlsFiles: { ca, certificate, key } }: PostgresDatabase): ConnectionOptions | false {
  if (tls === 'disable') return false
  return {
    ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    ...(certificate === undefined ? {} : { cert: readFileSync(certificate) }),
    ...(key === undefined ? {} : { key: readFileSync(key) }),
    rejectUnauthorized: tls !== 'require',
    ...(tls === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  }
}

function tooLate(name: string): EngineError {
  return new EngineError({
    reason: 'unavailable',
    message: `${name}: too much waits for the database`,
    hint: 'look at its load, and at the way there',
  })
}

function unknownOutcome(name: string, error: unknown): EngineError {
  const said = error instanceof Error ? ` (${error.message})` : ''
  return new EngineError({
    reason: 'unavailable',
    message: `${name}: the database went away while it wrote; whether it was written is not known${said}`,
    hint: 'look again once the database answers',
  })
}

function notReplicated(name: string): EngineError {
  return new EngineError({
    reason: 'unavailable',
    message: `${name}: it is written, but no synchronous standby has it yet; whether it stays is not known`,
    hint: 'look at the standby: while it is gone nothing can be promised, or take it out of synchronous_standby_names',
  })
}
