import { readPostgresUrl } from '../../lib/postgres-url.js'
import type { FoundDevice } from '../stored-device.js'
import { ENGINE_LIMITS, openEngine } from './postgres-engine.js'
import { enrolmentTables } from './postgres-enrolments.js'
import { failureOfOpening } from './postgres-failure.js'
import { isWithoutSchema } from './postgres-schema.js'
import { createSealer } from './sealer.js'

/**
 * Reads one enrolment from a database that bridges may be using. Nothing is changed. Device ids are compared as the
 * bridge compares them, in lower case. Undefined also where there is no store yet.
 */
export async function sharedDevice(
  { database, secretKey }: { readonly database: string; readonly secretKey: readonly Buffer[] },
  deviceId: string,
): Promise<FoundDevice> {
  const url = readPostgresUrl(database)
  if (!url.ok)
    return { ok: false, failure: { reason: 'io', message: `cluster.database ${url.message}`, hint: url.hint } }
  try {
    const engine = await openEngine(url.database, { ...ENGINE_LIMITS, connections: 1 })
    try {
      if (await isWithoutSchema(engine)) return { ok: true, device: undefined }
      const device = await engine.read(async (sql) => {
        const { rows } = await sql<{ readonly device_id: string }>(
          'SELECT device_id FROM enrolment WHERE lower(device_id) = lower($1) LIMIT 1',
          [deviceId],
        )
        const ids = rows.map(({ device_id }) => device_id)
        return (await enrolmentTables(createSealer(secretKey)).read(sql, ids))[0]
      })
      return { ok: true, device }
    } finally {
      await engine.close()
    }
  } catch (error) {
    const failure = failureOfOpening(error, url.database.shown)
    if (failure === undefined) throw error
    return { ok: false, failure }
  }
}
