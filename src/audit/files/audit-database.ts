import { fits, lineTime, type WantedLine, wantedLine } from './audit-line.js'
import { createAuditPruning, type AuditRetention } from './audit-pruning.js'
import type { AuditBlock } from './audit-block.js'
import { wantedKeys } from './audit-keys.js'
import type { AuditPage, AuditQuery } from '../audit-query.js'
import { openDatabase, prepare, type SqliteDatabase, transaction } from '../../store/sqlite/sqlite-database.js'
import { migrate } from '../../store/sqlite/sqlite-schema.js'

/**
 * The lines of the audit log in an SQLite file, for queries. All of it blocks, so it belongs on a thread of its own.
 */
export interface AuditDatabase {
  /** Adds lines, JSON objects, the newest last; at most `MAX_BLOCK` of them. */
  readonly insert: (block: AuditBlock) => void
  readonly find: (query: AuditQuery) => AuditPage
  /** Removes some of what is too old or too much; true when there is more of it. */
  readonly prune: (retention: AuditRetention, now: number) => boolean
  readonly close: () => void
}

/** Lines of a block at most. */
export const MAX_BLOCK = 4096

/**
 * The schema's history, apart from the store's: it is never edited, only added to. Lines that came together are one
 * row, a block, with the devices and users that they tell of: a row and three indexes for each line took a tenth of the
 * bridge's time.
 */
const MIGRATIONS: readonly string[] = [
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
  // How many lines a user has in a block; for blocks that are there already it is taken for the same of each.
  `
  ALTER TABLE block_key ADD COLUMN lines INTEGER NOT NULL DEFAULT 0;
  UPDATE block_key SET lines = 1 + (
    (SELECT count - 1 FROM block WHERE block.block = block_key.block) /
    (SELECT count(*) FROM block_key AS other
      WHERE other.block = block_key.block AND other.key >= 'user ' AND other.key < 'user!'))
  WHERE key >= 'user ' AND key < 'user!';
  `,
]

/** Blocks that are removed, or looked through, at once. */
const AT_ONCE = 32

/** Opens the audit log's database, or says that a newer version wrote it. Throws SQLite's errors. */
export function openAuditDatabase(file: string, options: { readonly busyTimeout: number }): AuditDatabase | 'newer' {
  const database = openDatabase(file, options)
  try {
    // There is no secret in a line, and overwriting what is pruned would cost as much as writing it.
    database.exec('PRAGMA secure_delete = OFF')
    const migrated = migrate(database, MIGRATIONS)
    if (migrated.ok) return auditDatabaseOn(database)
    database.close()
    return 'newer'
  } catch (error) {
    database.close()
    throw error
  }
}

interface Block {
  readonly block: number
  readonly lines: string
}

function auditDatabaseOn(database: SqliteDatabase): AuditDatabase {
  // The lines come as the bytes that SQLite keeps: making a text of them first took five times as long as all the rest.
  const adding = prepare<Omit<AuditBlock, 'keys'>, { block: number }>(
    database,
    `INSERT INTO block (oldest, newest, count, lines)
     VALUES (:oldest, :newest, :count, CAST(:lines AS TEXT)) RETURNING block`,
  )
  const naming = prepare<{ keys: string; block: number }>(
    database,
    `INSERT INTO block_key (key, block, lines)
     SELECT json_extract(value, '$[0]'), :block, json_extract(value, '$[1]') FROM json_each(:keys)`,
  )
  const pruning = createAuditPruning(database)

  return {
    insert: ({ keys, ...block }) => {
      transaction(database, () => {
        const added = adding.get(block)
        if (added !== undefined) naming.run({ keys: JSON.stringify(keys), block: added.block })
      })
      pruning.added(block.count, keys)
    },
    find: (query) => pageOf(database, query),
    prune: (retention, now) => {
      try {
        return transaction(database, () => {
          for (let removed = 0; removed < AT_ONCE; removed += 1) if (!pruning.step(retention, now)) return false
          return true
        })
      } catch (error) {
        pruning.undone()
        throw error
      }
    },
    close: () => database.close(),
  }
}

function pageOf(database: SqliteDatabase, query: AuditQuery): AuditPage {
  const { limit, after, since, until } = query
  const keys = wantedKeys(query)
  const conditions = [
    ...keys.map((_, at) => `block IN (SELECT block FROM block_key WHERE key = :key${at})`),
    ...(since === undefined ? [] : ['newest >= :since']),
    ...(until === undefined ? [] : ['oldest < :until']),
    'block <= :last',
  ]
  const looking = prepare<object, Block>(
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
  { block, lines }: Block,
  wanted: WantedLine,
  before = Number.POSITIVE_INFINITY,
): { readonly line: string; readonly row: number }[] {
  return lines
    .split('\n')
    .map((line, at) => ({ line, row: block * MAX_BLOCK + at }))
    .filter(({ line, row }) => row < before && line !== '' && fits(line, wanted))
    .toReversed()
}
