import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { EndpointLeases, Jobs, OpenedStore, OpenFailure, Store, Tokens } from '../store.js'
import { attachedShelf } from './sqlite-attached.js'
import { holdFile, openDatabase, type SqliteDatabase, transaction } from './sqlite-database.js'
import { endpointTable } from './sqlite-endpoints.js'
import { failureOfOpening } from './sqlite-failure.js'
import { jobTable } from './sqlite-jobs.js'
import { migrate } from './sqlite-schema.js'
import { tokenTable } from './sqlite-tokens.js'
import { StoreCalls } from './store-calls.js'
import { type StoredEnrolmentsOptions, storedEnrolments } from './stored-enrolments.js'

export interface SqliteStoreOptions extends LastSeenOptions {
  /** data-dir; made if it is missing. */
  readonly directory: string
  /** How long a call may wait for another process, in milliseconds. It blocks the event loop meanwhile. */
  readonly busyTimeout?: number
}

type LastSeenOptions = Omit<StoredEnrolmentsOptions, 'calls'>

export interface StoreOnOptions extends LastSeenOptions {
  /** How problems name the database. */
  readonly file: string
  /** Called once, at the end of the store's `close`. */
  readonly closeFiles: () => void
}

/**
 * The database's file in data-dir. No other part of this process may open it: closing it elsewhere drops SQLite's
 * locks.
 */
export const STORE_FILE = 'homeport.db'

/** Opens the store in data-dir, for this process alone, and brings its schema up to date. */
export async function openSqliteStore({
  directory,
  busyTimeout = 200,
  ...options
}: SqliteStoreOptions): Promise<OpenedStore> {
  const file = join(resolve(directory), STORE_FILE)
  const closing: (() => void)[] = []
  const closeAll = (): void => {
    for (const close of closing.splice(0).toReversed()) close()
  }
  try {
    mkdirSync(resolve(directory), { recursive: true, mode: 0o700 })
    closing.push(holdFile(`${file}.lock`, { busyTimeout }))
    const database = openDatabase(file, { busyTimeout })
    closing.push(() => database.close())
    const migrated = migrate(database)
    if (migrated.ok) return { ok: true, store: storeOn(database, { ...options, file, closeFiles: closeAll }) }
    closeAll()
    return { ok: false, failure: newerSchema(file, migrated) }
  } catch (error) {
    closeAll()
    const failure = failureOfOpening(error, file)
    if (failure === undefined) throw error
    return { ok: false, failure }
  }
}

/** The store on an open database whose schema is up to date. */
export function storeOn(
  database: SqliteDatabase,
  { file, closeFiles, touchInterval, onProblem }: StoreOnOptions,
): Store {
  const calls = new StoreCalls(file)
  const enrolments = storedEnrolments(database, { calls, touchInterval, onProblem })
  const attached = attachedShelf(database, { calls, onProblem })
  return {
    enrolments,
    tokens: storedTokens(database, calls),
    jobs: storedJobs(database, calls),
    endpoints: storedEndpoints(database, calls),
    attached,
    problem: () => calls.problem(),
    close: async () => {
      if (!calls.end()) return { ok: true, value: undefined }
      try {
        return calls.attempt(() => {
          enrolments.stop()
          attached.stop()
          gatherIntoOneFile(database)
          return undefined
        })
      } finally {
        closeFiles()
      }
    },
  }
}

function storedTokens(database: SqliteDatabase, calls: StoreCalls): Tokens {
  const tokens = tokenTable(database)
  return {
    get: (id) => calls.read(() => tokens.read(id)),
    list: () => calls.read(() => tokens.list()),
    update: async (id, change) =>
      calls.write(() =>
        transaction(database, () => {
          const current = tokens.read(id)
          const next = change(current)
          if (next === current) return next
          if (next === undefined) tokens.remove(id)
          else tokens.write(next)
          return next
        }),
      ),
  }
}

function storedJobs(database: SqliteDatabase, calls: StoreCalls): Jobs {
  const jobs = jobTable(database)
  return {
    list: () => calls.read(() => jobs.list()),
    put: async (job) => calls.run(() => jobs.write(job)),
    remove: async (id) => calls.run(() => jobs.remove(id)),
    begin: async (id, startedAt) => calls.write(() => jobs.begin(id, startedAt)),
  }
}

function storedEndpoints(database: SqliteDatabase, calls: StoreCalls): EndpointLeases {
  const endpoints = endpointTable(database)
  return {
    list: () => calls.read(() => endpoints.list()),
    change: async ({ release, give }) =>
      calls.run(() =>
        transaction(database, () => {
          for (const deviceId of [...release, ...give.map(({ deviceId }) => deviceId)]) endpoints.remove(deviceId)
          for (const endpoint of give) endpoints.put(endpoint)
        }),
      ),
  }
}

// For whoever copies the file while the bridge is stopped. Where it fails the -wal file holds the rest, and the next
// start reads it.
function gatherIntoOneFile(database: SqliteDatabase): void {
  try {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch {}
}

function newerSchema(file: string, { newer, known }: { readonly newer: number; readonly known: number }): OpenFailure {
  return {
    reason: 'newer-schema',
    message: `${file}: was written by a newer Homeport (schema ${newer}, this one knows ${known})`,
    hint: 'run that version or a later one, or put back the backup from before the upgrade',
  }
}
