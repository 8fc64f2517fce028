import { closeSync, openSync } from 'node:fs'
import Database from 'libsql'
import { prepare, type SqliteDatabase } from './sqlite-database.js'
import { schemaVersion } from './sqlite-schema.js'

/**
 * Copies a database as it is at this moment, with what its -wal file holds, into a new file that only its owner may
 * read. Others go on writing meanwhile. Throws SQLite's and the file system's errors.
 */
export function copyDatabase(from: string, to: string): void {
  // Made first, so that it is at no moment readable to others.
  closeSync(openSync(to, 'wx', 0o600))
  const database = new Database(from, { readonly: true })
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT}`)
    database.exec(`VACUUM INTO '${to.replaceAll("'", "''")}'`)
  } finally {
    database.close()
  }
}

/** Milliseconds; a writer of the bridge's is done much sooner. */
const BUSY_TIMEOUT = 10_000

/** What a store knows of devices and tokens, as far as two stores are compared by it. */
export interface StoreSummary {
  /** Of `PRAGMA user_version`. */
  readonly schema: number
  /** Device ids that were let in, each with its pins. */
  readonly approved: ReadonlyMap<string, string>
  /** Ids of the tokens that were not revoked, each with its user. */
  readonly tokens: ReadonlyMap<string, string>
  /** Nothing was ever decided in it: no device was let in or rejected, no token made. Calls that wait are in none. */
  readonly isEmpty: boolean
}

/**
 * Reads a store that no bridge uses, without changing it; whatever version of Homeport wrote it. Throws SQLite's
 * errors.
 */
export function summaryOfStore(file: string): StoreSummary {
  const database = new Database(file, { readonly: true })
  try {
    const schema = schemaVersion(database)
    const devices = schema < WITH_ENROLMENTS ? [] : prepare<object, ApprovedRow>(database, APPROVED).all({})
    const tokens = schema < WITH_TOKENS ? [] : prepare<object, TokenRow>(database, TOKENS).all({})
    return {
      schema,
      approved: new Map(devices.map(({ id, pins }) => [id, pins])),
      tokens: new Map(tokens.map(({ id, user }) => [id, user])),
      isEmpty:
        (schema < WITH_ENROLMENTS || isWithout(database, DECIDED)) &&
        (schema < WITH_TOKENS || isWithout(database, MADE)),
    }
  } finally {
    database.close()
  }
}

function isWithout(database: SqliteDatabase, rows: string): boolean {
  return prepare<object, object>(database, rows).all({}).length === 0
}

interface ApprovedRow {
  readonly id: string
  readonly pins: string
}

interface TokenRow {
  readonly id: string
  readonly user: string
}

/** The versions of the schema that brought the tables. */
const WITH_ENROLMENTS = 1
const WITH_TOKENS = 2

const APPROVED = `
  SELECT device_id AS id, (
    SELECT coalesce(group_concat(hex(blob)), '')
    FROM (SELECT blob FROM pin WHERE pin.device_id = e.device_id ORDER BY blob)
  ) AS pins
  FROM enrolment e WHERE standing = 'approved'`
const DECIDED = "SELECT 1 FROM enrolment WHERE standing <> 'pending' LIMIT 1"
const MADE = 'SELECT 1 FROM token LIMIT 1'
const TOKENS = 'SELECT id, user FROM token WHERE revoked_at IS NULL'
