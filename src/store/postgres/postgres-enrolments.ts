import { isDeepStrictEqual } from 'node:util'
import { type Enrolment, newestAddresses, type Standing } from '../enrolment.js'
import { addressRowsOf, type EnrolmentRow, enrolmentOf, type PinRow, pinRowsOf, rowOf } from '../enrolment-row.js'
import type { ListOptions } from '../store.js'
import type { Sql } from './postgres-engine.js'
import { Overtaken } from './postgres-failure.js'
import type { Sealer } from './sealer.js'
import { insertInto, settingEach } from './sql-text.js'

/** An enrolment, and how often it was changed. */
export interface VersionedEnrolment {
  readonly enrolment: Enrolment
  readonly version: number
}

/** The statements on the enrolments' tables, as functions; each stands in a transaction of the caller's. */
export interface EnrolmentTables {
  readonly read: (sql: Sql, deviceIds: readonly string[]) => Promise<readonly Enrolment[]>
  /** Reads one, and keeps all others from changing it until the transaction ends. */
  readonly readToChange: (sql: Sql, deviceId: string) => Promise<VersionedEnrolment | undefined>
  readonly list: (sql: Sql, options: ListOptions) => Promise<readonly Enrolment[]>
  readonly withPin: (sql: Sql, blob: Buffer) => Promise<readonly Enrolment[]>
  readonly count: (sql: Sql, standing: Standing | undefined) => Promise<number>
  readonly pendingFrom: (sql: Sql, address: string) => Promise<number>
  /** Puts an enrolment in the place of what was read, and gives it as it is stored. Throws where another was first. */
  readonly write: (sql: Sql, given: Enrolment, read: VersionedEnrolment | undefined) => Promise<Enrolment>
  readonly remove: (sql: Sql, read: VersionedEnrolment) => Promise<void>
  /** Writes when and where devices were seen, and nothing else; those without enrolment are passed over. */
  readonly writeSeen: (
    sql: Sql,
    deviceIds: readonly string[],
    seen: (enrolment: Enrolment) => Enrolment,
  ) => Promise<void>
  /** Seals secrets anew that another key has sealed; answers how many. */
  readonly reseal: (sql: Sql, most: number) => Promise<number>
}

/** A row with its pins and addresses, in one statement, so that they are of the same moment. */
interface WholeRow extends Omit<EnrolmentRow, 'secret'> {
  readonly version: number
  readonly secret: Buffer | null
  readonly secret_key: string | null
  readonly pins: readonly JsonPin[] | null
  readonly addresses: readonly string[] | null
}

/** Bytes are hexadecimal. */
type JsonPin = Omit<PinRow, 'device_id' | 'blob' | 'secret_mark'> & {
  readonly blob: string
  readonly secret_mark: string | null
}

const PINS = `(
  SELECT json_agg(json_build_object(
    'position', p.position, 'type', p.type, 'blob', encode(p.blob, 'hex'), 'added_at', p.added_at,
    'added_by', p.added_by, 'secret_mark', encode(p.secret_mark, 'hex')
  ) ORDER BY p.position) FROM pin p WHERE p.device_id = e.device_id
) AS pins`
const ADDRESSES = `(
  SELECT json_agg(a.address ORDER BY a.position) FROM address a WHERE a.device_id = e.device_id
) AS addresses`
const WHOLE = `SELECT e.*, ${PINS}, ${ADDRESSES} FROM enrolment e`

/** Of the table, but for the secret, in the order in which `valuesOf` gives them. */
const COLUMNS = Object.keys(rowOf({ deviceId: '', standing: 'pending', pins: [], addresses: [], labels: {} })).filter(
  (column) => column !== 'secret',
)
const ALL_COLUMNS = [...COLUMNS, 'secret', 'secret_key']
const INSERT = `${insertInto('enrolment', ALL_COLUMNS)} ON CONFLICT (device_id) DO NOTHING`
const UPDATE = `UPDATE enrolment
  SET ${settingEach(ALL_COLUMNS)}, version = version + 1, changed_at = now()
  WHERE device_id = $1 AND version = $${ALL_COLUMNS.length + 1}`

export function enrolmentTables(sealer: Sealer): EnrolmentTables {
  const wholeOf = (row: WholeRow): Enrolment => {
    const { secret, secret_key: keyId, pins, addresses, ...rest } = row
    const open =
      secret === null || keyId === null ? null : sealer.open({ bytes: secret, keyId }, placeOf(row.device_id))
    return enrolmentOf(
      { ...rest, secret: open },
      (pins ?? []).map((pin) => ({
        ...pin,
        device_id: row.device_id,
        blob: Buffer.from(pin.blob, 'hex'),
        secret_mark: pin.secret_mark === null ? null : Buffer.from(pin.secret_mark, 'hex'),
      })),
      (addresses ?? []).map((address, position) => ({ device_id: row.device_id, position, address })),
    )
  }
  const valuesOf = (enrolment: Enrolment): readonly unknown[] => {
    const row: EnrolmentRow = rowOf(enrolment)
    const sealed = row.secret === null ? undefined : sealer.seal(row.secret, placeOf(row.device_id))
    return [...COLUMNS.map((column) => row[column as keyof EnrolmentRow]), sealed?.bytes ?? null, sealed?.keyId ?? null]
  }
  const select = async (sql: Sql, which: string, values: readonly unknown[]): Promise<readonly Enrolment[]> =>
    (await sql<WholeRow>(`${WHOLE} ${which}`, values)).rows.map(wholeOf)
  const read: EnrolmentTables['read'] = (sql, deviceIds) =>
    select(sql, 'WHERE e.device_id = ANY($1::text[]) ORDER BY e.device_id', [deviceIds])

  return {
    read,
    readToChange: async (sql, deviceId) => {
      // First the lock and then the read, which sees what the one before has left.
      const locked = await sql('SELECT 1 FROM enrolment WHERE device_id = $1 FOR UPDATE', [deviceId])
      if (locked.count === 0) return undefined
      const { rows } = await sql<WholeRow>(`${WHOLE} WHERE e.device_id = $1`, [deviceId])
      return rows[0] && { enrolment: wholeOf(rows[0]), version: rows[0].version }
    },
    list: (sql, { standing, limit, after = '' }) =>
      select(sql, `WHERE e.device_id > $1 AND ($2::text IS NULL OR e.standing = $2) ORDER BY e.device_id LIMIT $3`, [
        after,
        standing ?? null,
        limit ?? null,
      ]),
    withPin: (sql, blob) =>
      select(sql, 'WHERE e.device_id IN (SELECT device_id FROM pin WHERE blob = $1) ORDER BY e.device_id', [blob]),
    count: (sql, standing) =>
      counted(
        standing === undefined
          ? sql<Counted>('SELECT count(*) AS n FROM enrolment')
          : sql<Counted>('SELECT count(*) AS n FROM enrolment WHERE standing = $1', [standing]),
      ),
    pendingFrom: (sql, address) =>
      counted(
        sql<Counted>(
          `SELECT count(DISTINCT e.device_id) AS n FROM address a JOIN enrolment e ON e.device_id = a.device_id
           WHERE a.address = $1 AND e.standing = 'pending'`,
          [address],
        ),
      ),
    write: async (sql, given, before) => {
      const enrolment = { ...given, addresses: newestAddresses(given.addresses) }
      const { count } =
        before === undefined
          ? await sql(INSERT, valuesOf(enrolment))
          : await sql(UPDATE, [...valuesOf(enrolment), before.version])
      if (count === 0) throw new Overtaken('another node has changed it')
      const was = before?.enrolment
      if (!isDeepStrictEqual(was?.pins ?? [], enrolment.pins)) await writePins(sql, enrolment, was !== undefined)
      if (!isDeepStrictEqual(was?.addresses ?? [], enrolment.addresses))
        await writeAddresses(sql, [enrolment], was !== undefined)
      return enrolment
    },
    remove: async (sql, { enrolment: { deviceId }, version }) => {
      const { count } = await sql('DELETE FROM enrolment WHERE device_id = $1 AND version = $2', [deviceId, version])
      if (count === 0) throw new Overtaken('another node has changed it')
    },
    writeSeen: async (sql, deviceIds, seen) => {
      const ids = deviceIds.toSorted()
      // In their order, so that two nodes that write of the same devices wait for each other and not in a circle.
      await sql('SELECT 1 FROM enrolment WHERE device_id = ANY($1::text[]) ORDER BY device_id FOR UPDATE', [ids])
      const before = await read(sql, ids)
      const after = before.map(seen)
      const rows = after.map(rowOf)
      await sql(
        `UPDATE enrolment SET first_seen = s.first_seen, last_seen = s.last_seen
         FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS s (device_id, first_seen, last_seen)
         WHERE enrolment.device_id = s.device_id`,
        [rows.map((row) => row.device_id), rows.map((row) => row.first_seen), rows.map((row) => row.last_seen)],
      )
      const moved = after.filter(({ addresses }, index) => !isDeepStrictEqual(addresses, before[index]?.addresses))
      if (moved.length > 0) await writeAddresses(sql, moved, true)
    },
    reseal: async (sql, most) => {
      const { rows } = await sql<Pick<WholeRow, 'device_id' | 'secret' | 'secret_key'>>(
        `SELECT device_id, secret, secret_key FROM enrolment WHERE secret_key <> $1
         ORDER BY device_id LIMIT $2 FOR UPDATE`,
        [sealer.keyId, most],
      )
      for (const { device_id, secret, secret_key } of rows) {
        if (secret === null || secret_key === null) continue
        const place = placeOf(device_id)
        const sealed = sealer.seal(sealer.open({ bytes: secret, keyId: secret_key }, place), place)
        await sql('UPDATE enrolment SET secret = $2, secret_key = $3 WHERE device_id = $1', [
          device_id,
          sealed.bytes,
          sealed.keyId,
        ])
      }
      return rows.length
    },
  }
}

function placeOf(deviceId: string): string {
  return `enrolment.secret ${deviceId}`
}

async function writePins(sql: Sql, enrolment: Enrolment, wasThere: boolean): Promise<void> {
  if (wasThere) await sql('DELETE FROM pin WHERE device_id = $1', [enrolment.deviceId])
  const rows = pinRowsOf(enrolment)
  if (rows.length === 0) return
  await sql(
    `INSERT INTO pin (device_id, position, type, blob, added_at, added_by, secret_mark)
     SELECT $1, p.position, p.type, p.blob, p.added_at, p.added_by, p.secret_mark
     FROM unnest($2::integer[], $3::text[], $4::bytea[], $5::bigint[], $6::text[], $7::bytea[])
       AS p (position, type, blob, added_at, added_by, secret_mark)`,
    [
      enrolment.deviceId,
      rows.map((row) => row.position),
      rows.map((row) => row.type),
      rows.map((row) => row.blob),
      rows.map((row) => row.added_at),
      rows.map((row) => row.added_by),
      rows.map((row) => row.secret_mark),
    ],
  )
}

async function writeAddresses(sql: Sql, enrolments: readonly Enrolment[], wereThere: boolean): Promise<void> {
  const ids = enrolments.map(({ deviceId }) => deviceId)
  if (wereThere) await sql('DELETE FROM address WHERE device_id = ANY($1::text[])', [ids])
  const rows = enrolments.flatMap(addressRowsOf)
  if (rows.length === 0) return
  await sql(
    `INSERT INTO address (device_id, position, address)
     SELECT a.device_id, a.position, a.address
     FROM unnest($1::text[], $2::integer[], $3::text[]) AS a (device_id, position, address)`,
    [rows.map((row) => row.device_id), rows.map((row) => row.position), rows.map((row) => row.address)],
  )
}

interface Counted {
  readonly n: number
}

async function counted(asked: Promise<{ readonly rows: readonly Counted[] }>): Promise<number> {
  return (await asked).rows[0]?.n ?? 0
}
