import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import Database from 'libsql'
import type { EnrolmentRow } from '../enrolment-row.js'
import { prepare, type SqliteDatabase } from './sqlite-database.js'
import { failureOfOpening } from './sqlite-failure.js'
import { STORE_FILE } from './sqlite-store.js'
import type { FoundDevice, StoredDevice } from '../stored-device.js'

/** Milliseconds that the bridge may hold the file while it writes. */
const BUSY_TIMEOUT = 2_000

type Row = Pick<EnrolmentRow, 'device_id' | 'standing' | 'secret' | 'credentials' | 'configured'>

/**
 * Reads one enrolment from the store in `data-dir`, in another process than the bridge's, which may be running. Nothing
 * is changed. Device ids are compared as the bridge compares them, in lower case. Undefined also where there is no
 * store.
 */
export function storedDevice(dataDir: string, deviceId: string): FoundDevice {
  const file = join(resolve(dataDir), STORE_FILE)
  try {
    // SQLite would make a file that is not there.
    if (!existsSync(file)) return { ok: true, device: undefined }
    const database = new Database(file)
    try {
      database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT}; PRAGMA query_only = ON`)
      return { ok: true, device: rowOfDevice(database, deviceId) }
    } finally {
      database.close()
    }
  } catch (error) {
    const failure = failureOfOpening(error, file)
    if (failure === undefined) throw error
    return { ok: false, failure }
  }
}

function rowOfDevice(database: SqliteDatabase, deviceId: string): StoredDevice | undefined {
  const wanted = deviceId.toLowerCase()
  const tables = prepare<object, { readonly name: string }>(database, 'SELECT name FROM sqlite_master')
  if (!tables.all({}).some(({ name }) => name === 'enrolment')) return undefined
  const ids = prepare<object, Pick<Row, 'device_id'>>(database, 'SELECT device_id FROM enrolment')
  const found = ids.all({}).find(({ device_id }) => device_id.toLowerCase() === wanted)
  if (found === undefined) return undefined
  const row = prepare<Pick<Row, 'device_id'>, Row>(
    database,
    'SELECT device_id, standing, secret, credentials, configured FROM enrolment WHERE device_id = :device_id',
  ).get(found)
  return row && deviceOf(row)
}

function deviceOf({ device_id: deviceId, standing, secret, credentials, configured }: Row): StoredDevice {
  return {
    deviceId,
    standing,
    ...(configured === 1 && { configured: true as const }),
    ...(secret === null ? {} : { secret }),
    ...(credentials === null ? {} : { credentials }),
  }
}
