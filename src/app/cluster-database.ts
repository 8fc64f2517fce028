import { readPostgresUrl } from '../lib/postgres-url.js'
import type { PostgresEngine } from '../store/postgres/postgres-engine.js'
import { StartError } from './start-error.js'

/** The database of the nodes, over a pool of its own: a node says that it is there though much waits for the store. */
export interface ClusterDatabase {
  readonly engine: PostgresEngine
  /** What an error means for whoever runs the bridge; undefined when it is a mistake of ours. */
  readonly failureOf: (error: unknown) => { readonly message: string; readonly hint: string } | undefined
}

const CONNECTIONS = 3
/** Milliseconds for a connection or a statement, and for all tries of a call. */
const CALL_TIMEOUT = 2_000
const PATIENCE = 4_000

/** Connects to the database of `cluster.database`. Throws `StartError`. */
export async function openClusterDatabase(url: string): Promise<ClusterDatabase> {
  const read = readPostgresUrl(url)
  if (!read.ok) throw new StartError(`cluster.database: ${read.message}`, read.hint)
  const { database } = read
  // Few need it.
  const { ENGINE_LIMITS, openEngine } = await import('../store/postgres/postgres-engine.js')
  const { failureOf, failureOfOpening } = await import('../store/postgres/postgres-failure.js')
  const limits = {
    ...ENGINE_LIMITS,
    connections: CONNECTIONS,
    connectTimeout: CALL_TIMEOUT,
    statementTimeout: CALL_TIMEOUT,
    patience: PATIENCE,
  }
  const engine = await openEngine(database, limits).catch((error: unknown) => {
    throw startErrorOf(failureOfOpening(error, database.shown), error)
  })
  return { engine, failureOf: (error) => failureOf(error, engine.name) }
}

/** Why the bridge cannot start, for a failure of the database; a mistake of ours stays what it is. */
export function startErrorOf(
  failure: { readonly message: string; readonly hint: string } | undefined,
  error: unknown,
): unknown {
  return failure === undefined ? error : new StartError(`cluster.database: ${failure.message}`, failure.hint)
}
