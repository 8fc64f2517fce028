import { isDeepStrictEqual } from 'node:util'
import { type Enrolment, newestAddresses, type Standing } from '../enrolment.js'
import {
  type AddressRow,
  addressRowsOf,
  type EnrolmentRow,
  enrolmentOf,
  type PinRow,
  pinRowsOf,
  rowOf,
} from '../enrolment-row.js'
import { prepare, type SqliteDatabase } from './sqlite-database.js'
import type { ListOptions } from '../store.js'

/**
 * The statements on the enrolments' tables, as functions. Several that belong together stand in a transaction of the
 * caller.
 */
export interface EnrolmentTables {
  readonly read: (deviceId: string) => Enrolment | undefined
  readonly exists: (deviceId: string) => boolean
  readonly list: (options: ListOptions) => readonly Enrolment[]
  readonly withPin: (blob: Buffer) => readonly Enrolment[]
  readonly count: (standing: Standing | undefined) => number
  readonly pendingFrom: (address: string) => number
  /** Puts an enrolment in the place of what is there, and gives it as it is stored. */
  readonly write: (enrolment: Enrolment) => Enrolment
  /** Writes when and where a device was seen, and nothing else of its enrolment. */
  readonly writeSeen: (stored: Enrolment, seen: Enrolment) => void
  readonly remove: (deviceId: string) => void
}

/** Prepares every statement on the enrolments' tables. */
export function enrolmentTables(database: SqliteDatabase): EnrolmentTables {
  const one = prepare<Id, EnrolmentRow>(database, 'SELECT * FROM enrolment WHERE device_id = :device_id')
  const any = prepare<Id, unknown>(database, 'SELECT 1 FROM enrolment WHERE device_id = :device_id')
  const page = prepare<{ readonly after: string; readonly limit: number }, EnrolmentRow>(
    database,
    'SELECT * FROM enrolment WHERE device_id > :after ORDER BY device_id LIMIT :limit',
  )
  const pageOfStanding = prepare<
    { readonly standing: Standing; readonly after: string; readonly limit: number },
    EnrolmentRow
  >(
    database,
    'SELECT * FROM enrolment WHERE standing = :standing AND device_id > :after ORDER BY device_id LIMIT :limit',
  )
  const holders = prepare<{ readonly blob: Buffer }, EnrolmentRow>(
    database,
    'SELECT * FROM enrolment WHERE device_id IN (SELECT device_id FROM pin WHERE blob = :blob) ORDER BY device_id',
  )
  const pinsOf = prepare<Ids, PinRow>(
    database,
    'SELECT * FROM pin WHERE device_id IN (SELECT value FROM json_each(:ids)) ORDER BY device_id, position',
  )
  const addressesOf = prepare<Ids, AddressRow>(
    database,
    'SELECT * FROM address WHERE device_id IN (SELECT value FROM json_each(:ids)) ORDER BY device_id, position',
  )
  const countAll = prepare<object, Counted>(database, 'SELECT count(*) AS n FROM enrolment')
  const countStanding = prepare<{ readonly standing: Standing }, Counted>(
    database,
    'SELECT count(*) AS n FROM enrolment WHERE standing = :standing',
  )
  const countPendingFrom = prepare<{ readonly address: string }, Counted>(
    database,
    `SELECT count(DISTINCT device_id) AS n FROM address JOIN enrolment USING (device_id)
     WHERE address = :address AND standing = 'pending'`,
  )
  const columns = Object.keys(rowOf({ deviceId: '', standing: 'pending', pins: [], addresses: [], labels: {} }))
  const put = prepare<EnrolmentRow>(
    database,
    `INSERT INTO enrolment (${columns.join(', ')}) VALUES (${columns.map((column) => `:${column}`).join(', ')})
     ON CONFLICT (device_id) DO UPDATE SET ${columns.map((column) => `${column} = excluded.${column}`).join(', ')}`,
  )
  const putPin = prepare<PinRow>(
    database,
    `INSERT INTO pin (device_id, position, type, blob, added_at, added_by, secret_mark)
     VALUES (:device_id, :position, :type, :blob, :added_at, :added_by, :secret_mark)`,
  )
  const putAddress = prepare<AddressRow>(
    database,
    'INSERT INTO address (device_id, position, address) VALUES (:device_id, :position, :address)',
  )
  const putSeen = prepare<Id & Pick<EnrolmentRow, 'first_seen' | 'last_seen'>>(
    database,
    'UPDATE enrolment SET first_seen = :first_seen, last_seen = :last_seen WHERE device_id = :device_id',
  )
  const dropPins = prepare<Id>(database, 'DELETE FROM pin WHERE device_id = :device_id')
  const dropAddresses = prepare<Id>(database, 'DELETE FROM address WHERE device_id = :device_id')
  const drop = prepare<Id>(database, 'DELETE FROM enrolment WHERE device_id = :device_id')

  const withParts = (rows: readonly EnrolmentRow[]): readonly Enrolment[] => {
    if (rows.length === 0) return []
    const ids = JSON.stringify(rows.map(({ device_id }) => device_id))
    const pins = byDevice(pinsOf.all({ ids }))
    const addresses = byDevice(addressesOf.all({ ids }))
    return rows.map((row) => enrolmentOf(row, pins.get(row.device_id) ?? [], addresses.get(row.device_id) ?? []))
  }
  const writeAddresses = (enrolment: Enrolment): void => {
    dropAddresses.run({ device_id: enrolment.deviceId })
    for (const row of addressRowsOf(enrolment)) putAddress.run(row)
  }
  const read = (deviceId: string): Enrolment | undefined => {
    const row = one.get({ device_id: deviceId })
    return row && withParts([row])[0]
  }

  return {
    read,
    exists: (deviceId) => any.get({ device_id: deviceId }) !== undefined,
    list: ({ standing, limit = -1, after = '' }) =>
      withParts(standing ? pageOfStanding.all({ standing, after, limit }) : page.all({ after, limit })),
    withPin: (blob) => withParts(holders.all({ blob })),
    count: (standing) => counted(standing ? countStanding.get({ standing }) : countAll.get({})),
    pendingFrom: (address) => counted(countPendingFrom.get({ address })),
    write: (given) => {
      const enrolment = { ...given, addresses: newestAddresses(given.addresses) }
      put.run(rowOf(enrolment))
      dropPins.run({ device_id: enrolment.deviceId })
      for (const row of pinRowsOf(enrolment)) putPin.run(row)
      writeAddresses(enrolment)
      return enrolment
    },
    writeSeen: (stored, seen) => {
      const { device_id, first_seen, last_seen } = rowOf(seen)
      putSeen.run({ device_id, first_seen, last_seen })
      if (!isDeepStrictEqual(stored.addresses, seen.addresses)) writeAddresses(seen)
    },
    remove: (deviceId) => drop.run({ device_id: deviceId }),
  }
}

interface Id {
  readonly device_id: string
}

/** Device ids as a JSON array, so that one prepared statement takes any number of them. */
interface Ids {
  readonly ids: string
}

interface Counted {
  readonly n: number
}

function counted(row: Counted | undefined): number {
  return row?.n ?? 0
}

function byDevice<Row extends Id>(rows: readonly Row[]): ReadonlyMap<string, readonly Row[]> {
  const devices = new Map<string, Row[]>()
  for (const row of rows) {
    const own = devices.get(row.device_id)
    if (own) own.push(row)
    else devices.set(row.device_id, [row])
  }
  return devices
}
