import type { RecordPage, RecordQuery } from './record-query.js'
import { openDatabase, prepare, type SqliteDatabase, transaction } from './sqlite-database.js'
import { migrate } from './sqlite-schema.js'

/** How long lines are kept (milliseconds), and how many at most. */
export interface RecordRetention {
  readonly keep: number
  readonly maxRows: number
}

/** The lines of the record in an SQLite file, for queries. All of it blocks, so it belongs on a thread of its own. */
export interface RecordDatabase {
  /** Adds so many lines, JSON objects with commas between them. */
  readonly insert: (lines: string, count: number) => void
  readonly find: (query: RecordQuery) => RecordPage
  /** Removes some of what is too old or too much; true when there is more of it. */
  readonly prune: (retention: RecordRetention, now: number) => boolean
  readonly close: () => void
}

/** The schema's history, apart from the store's: it is never edited, only added to. */
const migrations: readonly string[] = [
  `
  CREATE TABLE record (
    row INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    event TEXT NOT NULL,
    device_id TEXT COLLATE NOCASE,
    user TEXT,
    session_id TEXT,
    operation TEXT,
    outcome TEXT,
    line TEXT NOT NULL
  ) STRICT;
  CREATE INDEX record_time ON record (time);
  CREATE INDEX record_device ON record (device_id, time);
  CREATE INDEX record_user ON record (user, time);
  `,
]

/** Rows that are removed at once; a moment's work. */
const PRUNED_AT_ONCE = 2000

/** Opens the record's database, or says that a newer version wrote it. Throws SQLite's errors. */
export function openRecordDatabase(file: string, options: { readonly busyTimeout: number }): RecordDatabase | 'newer' {
  const database = openDatabase(file, options)
  try {
    // There is no secret in a line, and overwriting what is pruned would cost as much as writing it.
    database.exec('PRAGMA secure_delete = OFF')
    const migrated = migrate(database, migrations)
    if (migrated.ok) return recordsIn(database)
    database.close()
    return 'newer'
  } catch (error) {
    database.close()
    throw error
  }
}

function recordsIn(database: SqliteDatabase): RecordDatabase {
  const inserting = prepare<{ lines: string }>(
    database,
    `INSERT INTO record (time, event, device_id, user, session_id, operation, outcome, line)
     SELECT CAST(round(unixepoch(value ->> 'time', 'subsec') * 1000) AS INTEGER), value ->> 'event', value ->> 'deviceId', value ->> 'user',
            value ->> 'sessionId', value ->> 'operation', value ->> 'outcome', value
     FROM json_each(:lines)`,
  )
  const counting = prepare<object, { rows: number }>(database, 'SELECT count(*) AS rows FROM record')
  const tooOld = prepare<{ before: number; limit: number }, { row: number }>(
    database,
    'DELETE FROM record WHERE row IN (SELECT row FROM record WHERE time < :before ORDER BY time LIMIT :limit) RETURNING row',
  )
  const tooMany = prepare<{ limit: number }, { row: number }>(
    database,
    'DELETE FROM record WHERE row IN (SELECT row FROM record ORDER BY row LIMIT :limit) RETURNING row',
  )
  let rows = counting.get({})?.rows ?? 0

  return {
    insert: (lines, count) => {
      transaction(database, () => inserting.run({ lines: `[${lines}]` }))
      rows += count
    },
    find: (query) => pageOf(database, query),
    prune: ({ keep, maxRows }, now) => {
      const old = tooOld.all({ before: now - keep, limit: PRUNED_AT_ONCE }).length
      rows -= old
      const excess = Math.min(PRUNED_AT_ONCE, Math.max(0, rows - maxRows))
      if (excess > 0) rows -= tooMany.all({ limit: excess }).length
      return old === PRUNED_AT_ONCE || rows > maxRows
    },
    close: () => database.close(),
  }
}

function pageOf(database: SqliteDatabase, query: RecordQuery): RecordPage {
  const { limit, after } = query
  const wanted = {
    ...given('device_id = :deviceId', 'deviceId', query.deviceId),
    ...given('user = :user', 'user', query.user),
    ...given('session_id = :sessionId', 'sessionId', query.sessionId),
    ...given('event = :event', 'event', query.event),
    ...given('operation = :operation', 'operation', query.operation),
    ...given('outcome = :outcome', 'outcome', query.outcome),
    ...given('time >= :since', 'since', query.since),
    ...given('time < :until', 'until', query.until),
    ...given('(time, row) < (:afterTime, :afterRow)', 'afterTime', after?.time),
  }
  const conditions = Object.keys(wanted)
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
  const finding = prepare<object, { row: number; time: number; line: string }>(
    database,
    `SELECT row, time, line FROM record ${where} ORDER BY time DESC, row DESC LIMIT :limit`,
  )
  const values = Object.fromEntries(Object.values(wanted))
  const found = finding.all({ ...values, ...(after === undefined ? {} : { afterRow: after.row }), limit: limit + 1 })
  const shown = found.slice(0, limit)
  const last = shown.at(-1)
  return {
    lines: shown.map(({ line }) => line),
    ...(found.length > limit && last !== undefined ? { next: { time: last.time, row: last.row } } : {}),
  }
}

/** A condition with the name and value of its parameter, where the value is given. */
function given(condition: string, name: string, value: string | number | undefined) {
  return value === undefined ? {} : { [condition]: [name, value] as const }
}
