import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Enrolment } from '../enrolment.js'
import { createLastSeenBuffer } from '../last-seen-buffer.js'
import { attachedShelf } from './sqlite-attached.js'
import { holdFile, openDatabase, type SqliteDatabase, transaction } from './sqlite-database.js'
import { endpointTable } from './sqlite-endpoints.js'
import { enrolmentTables } from './sqlite-enrolments.js'
import { problemOf } from './sqlite-problem.js'
import { migrate } from './sqlite-schema.js'
import { jobTable } from './sqlite-jobs.js'
import { tokenTable } from './sqlite-tokens.js'
import type { Store, StoreProblem, StoreResult } from '../store.js'

export interface SqliteStoreOptions extends StoreOnOptions {
  /** data-dir; made if it is missing. */
  readonly directory: string
  /** How long a call may wait for another process, in milliseconds. It blocks the event loop meanwhile. */
  readonly busyTimeout?: number
}

export interface StoreOnOptions {
  /** How often, in milliseconds, sightings are written. */
  readonly touchInterval: number
  /** Told when sightings could not be written or noted; they wait for the next interval. */
  readonly onProblem: (problem: StoreProblem) => void
}

export type OpenedStore =
  | { readonly ok: true; readonly store: Store }
  | { readonly ok: false; readonly problem: OpenProblem }

/** Why the store cannot be opened: what a write may meet, or a file that a newer Homeport wrote. */
export type OpenProblem = Omit<StoreProblem, 'cause'> & { readonly cause: StoreProblem['cause'] | 'newer-schema' }

/** The database's file in data-dir. No other part of this process may open it: closing it elsewhere drops SQLite's locks. */
export const STORE_FILE = 'homeport.db'

// One page takes some milliseconds; the event loop turns in between.
const PAGE = 500

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
    if (migrated.ok) return { ok: true, store: storeOn(database, file, closeAll, options) }
    closeAll()
    return { ok: false, problem: newerSchema(file, migrated) }
  } catch (error) {
    closeAll()
    const problem = problemOf(error, file)
    if (problem === undefined) throw error
    return { ok: false, problem }
  }
}

/** The store on an open database whose schema is up to date; `closeFiles` is called once, at the end of its `close`. */
export function storeOn(
  database: SqliteDatabase,
  file: string,
  closeFiles: () => void,
  { touchInterval, onProblem }: StoreOnOptions,
): Store {
  const tables = enrolmentTables(database)
  const tokens = tokenTable(database)
  const jobs = jobTable(database)
  const endpoints = endpointTable(database)
  let open = true

  const problemIn = (error: unknown): StoreProblem => {
    const problem = problemOf(error, file)
    if (problem === undefined) throw error
    return problem
  }
  const lastSeenBuffer = createLastSeenBuffer({
    interval: touchInterval,
    write: (deviceIds) => {
      transaction(database, () => {
        for (const deviceId of deviceIds) {
          const stored = tables.read(deviceId)
          if (stored !== undefined) tables.writeSeen(stored, lastSeenBuffer.apply(stored))
        }
      })
      deviceIds.forEach(lastSeenBuffer.drop)
    },
    onError: (error) => onProblem(problemIn(error)),
  })
  const attached = attachedShelf(database, (error) => onProblem(problemIn(error)))
  const writing = (write: () => void): StoreResult<undefined> => {
    if (!open) return { ok: false, problem: closed(file) }
    try {
      write()
      return { ok: true, value: undefined }
    } catch (error) {
      return { ok: false, problem: problemIn(error) }
    }
  }
  const reading = async <T>(read: () => T): Promise<T> => {
    if (!open) throw failure(closed(file))
    try {
      return read()
    } catch (error) {
      throw failure(problemIn(error))
    }
  }

  return {
    enrolments: {
      get: (deviceId) =>
        reading(() => {
          const enrolment = tables.read(deviceId)
          return enrolment && lastSeenBuffer.apply(enrolment)
        }),
      list: async ({ standing, limit = Number.POSITIVE_INFINITY, after } = {}) => {
        const found: Enrolment[] = []
        for (let last = after; ; last = found.at(-1)?.deviceId) {
          const page = Math.min(PAGE, limit - found.length)
          const part = await reading(() => tables.list({ standing, limit: page, after: last }))
          for (const enrolment of part) found.push(lastSeenBuffer.apply(enrolment))
          if (part.length < PAGE) return found
          await setImmediate()
        }
      },
      withPin: (blob) => reading(() => tables.withPin(blob).map(lastSeenBuffer.apply)),
      count: (standing) => reading(() => tables.count(standing)),
      pendingFrom: (address) => reading(() => tables.pendingFrom(address)),
      update: async (deviceId, change) => {
        if (!open) return { ok: false, problem: closed(file) }
        try {
          const { value, written } = transaction(database, () => {
            const stored = tables.read(deviceId)
            const current = stored && lastSeenBuffer.apply(stored)
            const next = change(current)
            if (next === current) return { value: next, written: false }
            if (next === undefined) {
              tables.remove(deviceId)
              return { value: undefined, written: true }
            }
            if (next.deviceId !== deviceId)
              throw new TypeError(`an update of ${deviceId} gave an enrolment of ${next.deviceId}`)
            return { value: tables.write(next), written: true }
          })
          if (written) lastSeenBuffer.drop(deviceId)
          return { ok: true, value }
        } catch (error) {
          return { ok: false, problem: problemIn(error) }
        }
      },
      touch: (deviceId, lastSeen) => {
        if (!open) return
        try {
          if (lastSeenBuffer.waitsFor(deviceId) || tables.exists(deviceId)) lastSeenBuffer.note(deviceId, lastSeen)
        } catch (error) {
          onProblem(problemIn(error))
        }
      },
    },
    tokens: {
      get: (id) => reading(() => tokens.read(id)),
      list: () => reading(() => tokens.list()),
      update: async (id, change) => {
        if (!open) return { ok: false, problem: closed(file) }
        try {
          const value = transaction(database, () => {
            const current = tokens.read(id)
            const next = change(current)
            if (next === current) return next
            if (next === undefined) tokens.remove(id)
            else tokens.write(next)
            return next
          })
          return { ok: true, value }
        } catch (error) {
          return { ok: false, problem: problemIn(error) }
        }
      },
    },
    jobs: {
      list: () => reading(() => jobs.list()),
      put: async (job) => writing(() => jobs.write(job)),
      remove: async (id) => writing(() => jobs.remove(id)),
    },
    endpoints: {
      list: () => reading(() => endpoints.list()),
      change: async ({ release, give }) => {
        if (!open) return { ok: false, problem: closed(file) }
        try {
          transaction(database, () => {
            for (const deviceId of [...release, ...give.map(({ deviceId }) => deviceId)]) endpoints.remove(deviceId)
            for (const endpoint of give) endpoints.put(endpoint)
          })
          return { ok: true, value: undefined }
        } catch (error) {
          return { ok: false, problem: problemIn(error) }
        }
      },
    },
    attached,
    close: async () => {
      if (!open) return { ok: true, value: undefined }
      open = false
      try {
        lastSeenBuffer.stop()
        attached.stop()
        gatherIntoOneFile(database)
        return { ok: true, value: undefined }
      } catch (error) {
        return { ok: false, problem: problemIn(error) }
      } finally {
        closeFiles()
      }
    },
  }
}

// For whoever copies the file while the bridge is stopped. Where it fails the -wal file holds the rest, and the next start reads it.
function gatherIntoOneFile(database: SqliteDatabase): void {
  try {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch {}
}

function newerSchema(file: string, { newer, known }: { readonly newer: number; readonly known: number }): OpenProblem {
  return {
    cause: 'newer-schema',
    message: `${file}: was written by a newer Homeport (schema ${newer}, this one knows ${known})`,
    hint: 'run that version or a later one, or put back the backup from before the upgrade',
  }
}

function closed(file: string): StoreProblem {
  return {
    cause: 'io',
    message: `${file}: the store is closed`,
    hint: 'the bridge is stopping; try again once it runs',
  }
}

function failure(problem: StoreProblem): Error {
  return new Error(problem.message, { cause: problem })
}
