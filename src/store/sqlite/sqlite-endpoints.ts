import type { EndpointLease } from '../endpoint-lease.js'
import { prepare, type SqliteDatabase } from './sqlite-database.js'

/**
 * The statements on the table of given endpoints, as functions. Several that belong together stand in a transaction of
 * the caller.
 */
export interface EndpointTable {
  readonly list: () => readonly EndpointLease[]
  readonly put: (endpoint: EndpointLease) => void
  readonly remove: (deviceId: string) => void
}

interface EndpointRow {
  readonly device_id: string
  readonly port: number | null
  readonly address: string | null
}

/** Prepares every statement on the table of given endpoints. */
export function endpointTable(database: SqliteDatabase): EndpointTable {
  const all = prepare<object, EndpointRow>(database, 'SELECT * FROM given_endpoint ORDER BY device_id')
  const insert = prepare<EndpointRow>(
    database,
    'INSERT INTO given_endpoint (device_id, port, address) VALUES (:device_id, :port, :address)',
  )
  const drop = prepare<{ readonly device_id: string }>(
    database,
    'DELETE FROM given_endpoint WHERE device_id = :device_id',
  )
  return {
    list: () =>
      all.all({}).map(({ device_id, port, address }) => ({
        deviceId: device_id,
        ...(port !== null && { port }),
        ...(address !== null && { address }),
      })),
    put: ({ deviceId, port, address }) =>
      insert.run({ device_id: deviceId, port: port ?? null, address: address ?? null }),
    remove: (deviceId) => drop.run({ device_id: deviceId }),
  }
}
