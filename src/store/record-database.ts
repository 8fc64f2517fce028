import { fits, lineTime, type WantedLine, wantedLine } from './record-line.js'
import type { RecordBlock } from './record-block.js'
import { wantedKeys } from './record-keys.js'
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
  /** Adds lines, JSON objects, the newest last; at most `MAX_BLOCK` of them. */
  readonly insert: (block: RecordBlock) => void
  readonly find: (query: RecordQuery) => RecordPage
  /** Removes some of what is too old or too much; true when there is more of it. */
  readonly prune: (retention: RecordRetention, now: number) => boolean
  readonly close: () => void
}

/** Lines of a block at most. */
export const MAX_BLOCK = 4096

/**
 * The schema's history, apart from the store's: it is never edited, only added to. Lines that came together are one row, a block, with the devices and
 * users that they tell of: a row and three indexes for each line took a tenth of the bridge's time.
 */
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
  `
  CREATE TABLE block (
    block INTEGER PRIMARY KEY,
    oldest INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    count INTEGER NOT NULL,
    lines TEXT NOT NULL
  ) STRICT;
  CREATE TABLE block_key (
    key TEXT NOT NULL,
    block INTEGER NOT NULL REFERENCES block ON DELETE CASCADE,
    PRIMARY KEY (key, block)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX block_key_block ON block_key (block);
  INSERT INTO block (block, oldest, newest, count, lines) SELECT row, time, time, 1, line FROM record;
  INSERT INTO block_key (key, block) SELECT 'device ' || lower(device_id), row FROM record WHERE device_id IS NOT NULL;
  INSERT INTO block_key (key, block) SELECT 'user ' || user, row FROM record WHERE user IS NOT NULL;
  DROP TABLE record;
  `,
]

/** Blocks that are removed, or looked through, at once. */
const AT_ONCE = 32

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

interface Block {
  readonly block: number
  readonly oldest: number
  readonly newest: number
  readonly count: number
  readonly lines: string
}

function recordsIn(database: SqliteDatabase): RecordDatabase {
  // The lines come as the octets that SQLite keeps: making a text of them first took five times as long as all the rest.
  const adding = prepare<Omit<RecordBlock, 'keys'>, { block: number }>(
    database,
    'INSERT INTO block (oldest, newest, count, lines) VALUES (:oldest, :newest, :count, CAST(:lines AS TEXT)) RETURNING block',
  )
  const naming = prepare<{ keys: string; block: number }>(
    database,
    'INSERT INTO block_key (key, block) SELECT value, :block FROM json_each(:keys)',
  )
  const first = prepare<object, Omit<Block, 'lines'>>(
    database,
    'SELECT block, oldest, newest, count FROM block ORDER BY block LIMIT 1',
  )
  const linesOfFirst = prepare<object, Pick<Block, 'lines'>>(database, 'SELECT lines FROM block ORDER BY block LIMIT 1')
  const removing = prepare<{ block: number }>(database, 'DELETE FROM block WHERE block = :block')
  const shortening = prepare<Omit<Block, 'newest'>>(
    database,
    'UPDATE block SET oldest = :oldest, count = :count, lines = :lines WHERE block = :block',
  )
  const counting = prepare<object, { rows: number }>(database, 'SELECT ifnull(sum(count), 0) AS rows FROM block')
  let rows = counting.get({})?.rows ?? 0

  /** Removes the oldest block, or the part of it that is too much; false when nothing had to go. */
  const pruneFirst = ({ keep, maxRows }: RecordRetention, now: number): boolean => {
    const block = first.get({})
    if (block === undefined) return false
    const excess = rows - maxRows
    const tooOld = now - keep
    if (excess <= 0 && block.oldest >= tooOld) return false
    if (excess >= block.count || block.newest < tooOld) {
      removing.run({ block: block.block })
      rows -= block.count
      return true
    }
    const { lines, removed, oldest } = withoutFirst(
      { ...block, lines: linesOfFirst.get({})?.lines ?? '' },
      excess,
      tooOld,
    )
    shortening.run({ block: block.block, oldest, count: block.count - removed, lines })
    rows -= removed
    return false
  }

  return {
    insert: ({ keys, ...block }) => {
      transaction(database, () => {
        const added = adding.get(block)
        if (added !== undefined) naming.run({ keys: JSON.stringify(keys), block: added.block })
      })
      rows += block.count
    },
    find: (query) => pageOf(database, query),
    prune: (retention, now) =>
      transaction(database, () => {
        for (let removed = 0; removed < AT_ONCE; removed += 1) if (!pruneFirst(retention, now)) return false
        return true
      }),
    close: () => database.close(),
  }
}

/** Empties so many lines from the first on, and those that are too old, so that the others keep their place. */
function withoutFirst(block: Block, excess: number, tooOld: number) {
  let removed = 0
  let oldest = block.newest
  const lines = block.lines.split('\n').map((line) => {
    if (line === '') return line
    const time = lineTime(line)
    if (removed < excess || time < tooOld) {
      removed += 1
      return ''
    }
    oldest = Math.min(oldest, time)
    return line
  })
  return { lines: lines.join('\n'), removed, oldest }
}

function pageOf(database: SqliteDatabase, query: RecordQuery): RecordPage {
  const { limit, after, since, until } = query
  const keys = wantedKeys(query)
  const conditions = [
    ...keys.map((_, at) => `block IN (SELECT block FROM block_key WHERE key = :key${at})`),
    ...(since === undefined ? [] : ['newest >= :since']),
    ...(until === undefined ? [] : ['oldest < :until']),
    'block <= :last',
  ]
  const looking = prepare<object, Pick<Block, 'block' | 'lines'>>(
    database,
    `SELECT block, lines FROM block WHERE ${conditions.join(' AND ')} ORDER BY block DESC LIMIT ${AT_ONCE}`,
  )
  const bound = {
    ...Object.fromEntries(keys.map((key, at) => [`key${at}`, key])),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  }
  const wanted = wantedLine(query)
  const found: { readonly line: string; readonly row: number }[] = []
  for (let last = after === undefined ? Number.MAX_SAFE_INTEGER : Math.floor(after.row / MAX_BLOCK); ; ) {
    const blocks = looking.all({ ...bound, last })
    for (const block of blocks) for (const line of linesOf(block, wanted, after?.row)) found.push(line)
    const oldest = blocks.at(-1)
    if (found.length > limit || oldest === undefined || blocks.length < AT_ONCE) break
    last = oldest.block - 1
  }
  const shown = found.slice(0, limit)
  const end = shown.at(-1)
  return {
    lines: shown.map(({ line }) => line),
    ...(found.length > limit && end !== undefined ? { next: { time: lineTime(end.line), row: end.row } } : {}),
  }
}

/** What is wanted of a block, the newest first, as far as it lies before a row. */
function linesOf(
  { block, lines }: Pick<Block, 'block' | 'lines'>,
  wanted: WantedLine,
  before = Number.POSITIVE_INFINITY,
): { readonly line: string; readonly row: number }[] {
  return lines
    .split('\n')
    .map((line, at) => ({ line, row: block * MAX_BLOCK + at }))
    .filter(({ line, row }) => row < before && line !== '' && fits(line, wanted))
    .toReversed()
}
