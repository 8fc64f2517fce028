import { chmodSync, closeSync, openSync, statSync } from 'node:fs'
import Database from 'libsql'

/** A connection to an SQLite file. */
export type SqliteDatabase = Database.Database

/** A prepared statement with named parameters, and the rows that it gives. */
export interface Statement<Parameters extends object, Row> {
  readonly run: (parameters: Parameters) => void
  /** The first row. */
  readonly get: (parameters: Parameters) => Row | undefined
  readonly all: (parameters: Parameters) => readonly Row[]
}

export interface DatabaseOptions {
  /** How long one call may wait for another process, in milliseconds. It blocks the event loop meanwhile. */
  readonly busyTimeout: number
}

/**
 * Opens (or makes) a file that only its owner may read, and checks that it is whole. Throws SQLite's and the file
 * system's errors.
 */
export function openDatabase(path: string, { busyTimeout }: DatabaseOptions): SqliteDatabase {
  keepPrivate(path)
  const database = new Database(path)
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
    database.exec('PRAGMA journal_mode = WAL')
    database.exec('PRAGMA synchronous = NORMAL')
    database.exec('PRAGMA foreign_keys = ON')
    // A forgotten device's secret shall not stay behind in free pages.
    database.exec('PRAGMA secure_delete = ON')
    checkWhole(database)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * Holds a file for as long as this process lives or until it is released; throws SQLITE_BUSY while another holds it.
 * Apart from the database, because libsql keeps a closed connection and its locks until its statements are collected.
 */
export function holdFile(path: string, { busyTimeout }: DatabaseOptions): () => void {
  keepPrivate(path)
  const database = new Database(path)
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    throw error
  }
  return () => {
    if (database.inTransaction) database.exec('ROLLBACK')
    database.close()
  }
}

/** Prepares a statement; its parameters stand in the text as `:name`. */
export function prepare<Parameters extends object, Row = never>(
  database: SqliteDatabase,
  text: string,
): Statement<Parameters, Row> {
  const statement = database.prepare<Parameters>(text) as Database.Statement<[Parameters]>
  return {
    run: (parameters) => void statement.run(parameters),
    get: (parameters) => statement.get(parameters) as Row | undefined,
    all: (parameters) => statement.all(parameters) as Row[],
  }
}

/** Does all of it or nothing, with no other writer in between. */
export function transaction<T>(database: SqliteDatabase, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    // After a full disk SQLite has rolled back by itself.
    if (database.inTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function checkWhole(database: SqliteDatabase): void {
  const [fault] = database.prepare('PRAGMA quick_check(1)').all() as { readonly quick_check: string }[]
  if (fault?.quick_check !== 'ok') throw new Database.SqliteError('quick_check found a fault', 'SQLITE_CORRUPT', 11)
}

// Before SQLite opens it, so that it is at no moment readable to others; -wal and -shm take its mode.
function keepPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600)
  }
}
