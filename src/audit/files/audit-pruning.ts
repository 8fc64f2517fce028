import { evenShare } from './even-share.js'
import { lineTime, userIn } from './audit-line.js'
import { USER_KEYS, userKey } from './audit-keys.js'
import { prepare, type SqliteDatabase } from '../../store/sqlite/sqlite-database.js'

/** How long lines are kept (milliseconds), and how many at most. */
export interface AuditRetention {
  readonly keep: number
  readonly maxRows: number
}

/**
 * Removes lines from the audit log's database: those that are too old, and those of users who have more than an even
 * share where there are too many.
 */
export interface AuditPruning {
  /** Counts what was put in. */
  readonly added: (count: number, keys: readonly (readonly [key: string, lines: number])[]) => void
  /** Removes some of what is too old or too much; false when nothing more has to go. */
  readonly step: (retention: AuditRetention, now: number) => boolean
  /** What was removed last is there again, because its transaction failed. */
  readonly undone: () => void
}

interface BlockHead {
  readonly block: number
  readonly oldest: number
  readonly newest: number
  readonly count: number
}

interface KeyedLines {
  readonly key: string
  readonly lines: number
}

/**
 * Users whose oldest lines are looked for at a time: each may have them in a block of its own, which is written anew.
 */
const MOST_HELD = 8

/** Whose lines there are, so that nobody counts them anew for each line that comes. */
class LineTotals {
  /** All lines, those of nobody included. */
  rows = 0
  readonly #ofUsers = new Map<string, number>()

  /** @param ofUsers by the key of their user */
  reset(rows: number, ofUsers: readonly KeyedLines[]): void {
    this.rows = rows
    this.#ofUsers.clear()
    for (const { key, lines } of ofUsers) this.#ofUsers.set(key, lines)
  }

  /** So many lines more of a user, or fewer. */
  count(key: string, lines: number): void {
    const total = this.of(key) + lines
    if (total > 0) this.#ofUsers.set(key, total)
    else this.#ofUsers.delete(key)
  }

  of(key: string): number {
    return this.#ofUsers.get(key) ?? 0
  }

  all(): Iterable<number> {
    return this.#ofUsers.values()
  }

  /** The keys of users who have more than so many. */
  above(share: number): readonly string[] {
    return [...this.#ofUsers].filter(([, lines]) => lines > share).map(([key]) => key)
  }
}

export function createAuditPruning(database: SqliteDatabase): AuditPruning {
  const blocks = prepareBlocks(database)
  const totals = new LineTotals()
  let isCounted = false

  const remove = ({ block, count: lines }: BlockHead, users: readonly KeyedLines[]): void => {
    blocks.remove.run({ block })
    totals.rows -= lines
    for (const user of users) totals.count(user.key, -user.lines)
  }

  /**
   * Empties the lines of a block that have to go, so that the others keep their place; and counts anew whose lines are
   * left. False when all of it was as it is.
   */
  const shorten = (head: BlockHead, goes: (line: string, userKey: string | undefined) => boolean): boolean => {
    const { block } = head
    const users = blocks.usersOf(block)
    const left = new Map<string, number>()
    let kept = 0
    let oldest = head.newest
    const lines = (blocks.lines.get({ block })?.lines ?? '').split('\n').map((line) => {
      if (line === '') return line
      const user = userIn(line)
      const key = user === undefined ? undefined : userKey(user)
      if (goes(line, key)) return ''
      kept += 1
      if (key !== undefined) left.set(key, (left.get(key) ?? 0) + 1)
      oldest = Math.min(oldest, lineTime(line))
      return line
    })
    if (kept === 0) {
      remove(head, users)
      return true
    }
    // Behind the last line nothing has a place to keep.
    blocks.shorten.run({ block, oldest, count: kept, lines: lines.join('\n').replace(/\n+$/, '') })
    totals.rows -= head.count - kept
    let changed = kept < head.count
    for (const { key, lines: before } of users) {
      const now = left.get(key) ?? 0
      changed ||= now !== before
      totals.count(key, now - before)
      if (now === 0) blocks.forgetUser.run({ block, key })
      else if (now !== before) blocks.recountUser.run({ block, key, lines: now })
    }
    return changed
  }

  const pruneOld = (tooOld: number): boolean => {
    const head = blocks.first.get({})
    if (head === undefined || head.oldest >= tooOld) return false
    if (head.newest >= tooOld) return shorten(head, (line) => lineTime(line) < tooOld)
    remove(head, blocks.usersOf(head.block))
    return true
  }

  /** The oldest block with lines of somebody who has more than the share; the oldest of all where it is nobody's. */
  const oldestAbove = (share: number): BlockHead | undefined => {
    const head = blocks.first.get({})
    if (head === undefined) return undefined
    const users = blocks.usersOf(head.block)
    const isAbove = ({ key }: KeyedLines): boolean => totals.of(key) > share
    if (users.length === 0 || users.some(isAbove)) return head
    const oldest = totals.above(share).map((key) => blocks.oldestOf.get({ key })?.block ?? Infinity)
    const block = oldest.reduce((least, one) => Math.min(least, one), Infinity)
    return block === Infinity ? head : blocks.head.get({ block })
  }

  const pruneExcess = (maxRows: number): boolean => {
    let excess = totals.rows - maxRows
    if (excess <= 0) return false
    const share = evenShare(totals.all(), maxRows, MOST_HELD)
    const head = oldestAbove(share)
    if (head === undefined) return false
    const users = blocks.usersOf(head.block)
    const stayAbove = users.every(({ key, lines }) => totals.of(key) - lines >= share)
    if (excess >= head.count && stayAbove) {
      remove(head, users)
      return true
    }
    const counted = new Map(users.map(({ key }) => [key, totals.of(key)]))
    return shorten(head, (_, key) => {
      const lines = key === undefined ? Number.POSITIVE_INFINITY : (counted.get(key) ?? 0)
      if (excess <= 0 || lines <= share) return false
      if (key !== undefined) counted.set(key, lines - 1)
      excess -= 1
      return true
    })
  }

  return {
    added: (lines, keys) => {
      totals.rows += lines
      for (const [key, ofKey] of keys) if (ofKey > 0) totals.count(key, ofKey)
    },
    step: ({ keep, maxRows }, now) => {
      if (!isCounted) totals.reset(blocks.count.get({})?.rows ?? 0, blocks.countUsers.all(USER_KEYS))
      isCounted = true
      return pruneOld(now - keep) || pruneExcess(maxRows)
    },
    undone: () => {
      isCounted = false
    },
  }
}

const OF_USERS = 'key >= :first AND key < :end'

/** The statements on blocks, and on the users that are in them. */
function prepareBlocks(database: SqliteDatabase) {
  const columns = 'SELECT block, oldest, newest, count FROM block'
  const usersOf = prepare<{ block: number; first: string; end: string }, KeyedLines>(
    database,
    `SELECT key, lines FROM block_key WHERE block = :block AND ${OF_USERS}`,
  )
  return {
    first: prepare<object, BlockHead>(database, `${columns} ORDER BY block LIMIT 1`),
    head: prepare<{ block: number }, BlockHead>(database, `${columns} WHERE block = :block`),
    lines: prepare<{ block: number }, { lines: string }>(database, 'SELECT lines FROM block WHERE block = :block'),
    remove: prepare<{ block: number }>(database, 'DELETE FROM block WHERE block = :block'),
    shorten: prepare<{ block: number; oldest: number; count: number; lines: string }>(
      database,
      'UPDATE block SET oldest = :oldest, count = :count, lines = :lines WHERE block = :block',
    ),
    usersOf: (block: number): readonly KeyedLines[] => usersOf.all({ block, ...USER_KEYS }),
    recountUser: prepare<{ block: number; key: string; lines: number }>(
      database,
      'UPDATE block_key SET lines = :lines WHERE block = :block AND key = :key',
    ),
    forgetUser: prepare<{ block: number; key: string }>(
      database,
      'DELETE FROM block_key WHERE block = :block AND key = :key',
    ),
    /** The first block with lines of a user. */
    oldestOf: prepare<{ key: string }, { block: number | null }>(
      database,
      'SELECT min(block) AS block FROM block_key WHERE key = :key',
    ),
    count: prepare<object, { rows: number }>(database, 'SELECT ifnull(sum(count), 0) AS rows FROM block'),
    countUsers: prepare<{ first: string; end: string }, KeyedLines>(
      database,
      `SELECT key, sum(lines) AS lines FROM block_key WHERE ${OF_USERS} GROUP BY key`,
    ),
  }
}
