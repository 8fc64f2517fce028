import { randomBytes } from 'node:crypto'
import { openPostgresStore, type PostgresStoreOptions } from '../../src/store/postgres/postgres-store.js'
import type { Store, StoreFailure } from '../../src/store/store.js'
import type { PostgresServer } from '../e2e/parts/postgres-server.js'

/** A database of its own, and the stores that were opened on it. */
export interface PostgresRoom {
  readonly url: string
  readonly options: PostgresStoreOptions
  /** What stores told of outside any call. */
  readonly problems: readonly StoreFailure[]
  /** Opens the store, which must work. */
  readonly open: (options?: Partial<PostgresStoreOptions>) => Promise<Store>
  /** What statements give on the database itself. */
  readonly sql: (statements: string) => Promise<string>
  readonly remove: () => Promise<void>
}

/** @param through the way to the database, such as a proxy's */
export async function makePostgresRoom(
  server: PostgresServer,
  through: (url: string) => string = (url) => url,
): Promise<PostgresRoom> {
  const direct = await server.createDatabase()
  const url = through(direct)
  const problems: StoreFailure[] = []
  const stores: Store[] = []
  const options: PostgresStoreOptions = {
    url,
    keys: [randomBytes(32)],
    touchInterval: 60_000,
    changeInterval: 50,
    onProblem: (problem) => problems.push(problem),
  }
  return {
    url,
    options,
    problems,
    open: async (changed = {}) => {
      const opened = await openPostgresStore({ ...options, ...changed })
      if (!opened.ok) throw new Error(`${opened.failure.message} (${opened.failure.hint})`)
      stores.push(opened.store)
      return opened.store
    },
    sql: (statements) => server.sql(statements, new URL(direct).pathname.slice(1)),
    remove: async () => {
      await Promise.all(stores.map((store) => store.close()))
    },
  }
}
