import { evenShare } from './even-share.js'
import { lineTime, userIn } from './audit-line.js'
import { USER_KEYS, userKey } from './audit-keys.js'
import { prepare, type SqliteDatabase } from '../../store/sqlite/sqlite-database.js'

/** How long lines are kept (milliseconds), and how many at most. */
export interface AuditRetention {
  readonly keep: number
  readonly maxRows: number
}

/** Removes lines from the audit log's database: those that are too old, and those of users who have more than an even share where there are too many. */
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

/** Users whose oldest lines are looked for at a time: each may have them in a block of its own, which is written anew. */
const MOST_HELD = 8

const OF_USERS = 'key >= :first AND key < :end'

export function createAuditPruning(database: SqliteDatabase): AuditPruning {
  const columns = 'SELECT block, oldest, newest, count FROM block'
  const first = prepare<object, BlockHead>(database, `${columns} ORDER BY block LIMIT 1`)
  const headOf = prepare<{ block: number }, BlockHead>(database, `${columns} WHERE block = :block`)
  const linesOf = prepare<{ block: number }, { lines: string }>(
    database,
    'SELECT lines FROM block WHERE block = :block',
  )
  const removing = prepare<{ block: number }>(database, 'DELETE FROM block WHERE block = :block')
  const shortening = prepare<{ block: number; oldest: number; count: number; lines: string }>(
    database,
    'UPDATE block SET oldest = :oldest, count = :count, lines = :lines WHERE block = :block',
  )
  const usersOf = prepare<{ block: number; first: string; end: string }, KeyedLines>(
    database,
    `SELECT key, lines FROM block_key WHERE block = :block AND ${OF_USERS}`,
  )
  const recount = prepare<{ block: number; key: string; lines: number }>(
    database,
    'UPDATE block_key SET lines = :lines WHERE block = :block AND key = :key',
  )
  const forget = prepare<{ block: number; key: string }>(
    database,
    'DELETE FROM block_key WHERE block = :block AND key = :key',
  )
  const oldestOf = prepare<{ key: string }, { block: number | null }>(
    database,
    'SELECT min(block) AS block FROM block_key WHERE key = :key',
  )
  const counting = prepare<object, { rows: number }>(database, 'SELECT ifnull(sum(count), 0) AS rows FROM block')
  const countingUsers = prepare<{ first: string; end: string }, KeyedLines>(
    database,
    `SELECT key, sum(lines) AS lines FROM block_key WHERE ${OF_USERS} GROUP BY key`,
  )
  let rows = 0
  /** Lines by the key of their user, as the keys of the blocks say. */
  const totals = new Map<string, number>()
  let isCounted = false

  const countAll = (): void => {
    rows = counting.get({})?.rows ?? 0
    totals.clear()
    for (const { key, lines } of countingUsers.all(USER_KEYS)) totals.set(key, lines)
    isCounted = true
  }
  const count = (key: string, lines: number): void => {
    const total = (totals.get(key) ?? 0) + lines
    if (total > 0) totals.set(key, total)
    else totals.delete(key)
  }
  const remove = ({ block, count: lines }: BlockHead, users: readonly KeyedLines[]): void => {
    removing.run({ block })
    rows -= lines
    for (const user of users) count(user.key, -user.lines)
  }

  /**
   * Empties the lines of a block that have to go, so that the others keep their place; and counts anew whose lines are left.
   * False when all of it was as it is.
   */
  const shorten = (head: BlockHead, goes: (line: string, userKey: string | undefined) => boolean): boolean => {
    const { block } = head
    const users = usersOf.all({ block, ...USER_KEYS })
    const left = new Map<string, number>()
    let kept = 0
    let oldest = head.newest
    const lines = (linesOf.get({ block })?.lines ?? '').split('\n').map((line) => {
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
    shortening.run({ block, oldest, count: kept, lines: lines.join('\n').replace(/\n+$/, '') })
    rows -= head.count - kept
    let changed = kept < head.count
    for (const { key, lines: before } of users) {
      const now = left.get(key) ?? 0
      changed ||= now !== before
      count(key, now - before)
      if (now === 0) forget.run({ block, key })
      else if (now !== before) recount.run({ block, key, lines: now })
    }
    return changed
  }

  const pruneOld = (tooOld: number): boolean => {
    const head = first.get({})
    if (head === undefined || head.oldest >= tooOld) return false
    if (head.newest >= tooOld) return shorten(head, (line) => lineTime(line) < tooOld)
    remove(head, usersOf.all({ block: head.block, ...USER_KEYS }))
    return true
  }

  /** The oldest block with lines of somebody who has more than the share; the oldest of all where it is nobody's. */
  const oldestAbove = (share: number): BlockHead | undefined => {
    const head = first.get({})
    if (head === undefined) return undefined
    const users = usersOf.all({ block: head.block, ...USER_KEYS })
    const isAbove = ({ key }: KeyedLines): boolean => (totals.get(key) ?? 0) > share
    if (users.length === 0 || users.some(isAbove)) return head
    const above = [...totals]
      .filter(([, lines]) => lines > share)
      .map(([key]) => oldestOf.get({ key })?.block ?? Infinity)
    const block = above.reduce((oldest, one) => Math.min(oldest, one), Infinity)
    return block === Infinity ? head : headOf.get({ block })
  }

  const pruneExcess = (maxRows: number): boolean => {
    let excess = rows - maxRows
    if (excess <= 0) return false
    const share = evenShare(totals.values(), maxRows, MOST_HELD)
    const head = oldestAbove(share)
    if (head === undefined) return false
    const users = usersOf.all({ block: head.block, ...USER_KEYS })
    const stayAbove = users.every(({ key, lines }) => (totals.get(key) ?? 0) - lines >= share)
    if (excess >= head.count && stayAbove) {
      remove(head, users)
      return true
    }
    const counted = new Map(users.map(({ key }) => [key, totals.get(key) ?? 0]))
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
      rows += lines
      for (const [key, ofKey] of keys) if (ofKey > 0) count(key, ofKey)
    },
    step: ({ keep, maxRows }, now) => {
      if (!isCounted) countAll()
      return pruneOld(now - keep) || pruneExcess(maxRows)
    },
    undone: () => {
      isCounted = false
    },
  }
}
