import { inBackground } from '../../lib/background.js'
import type { PostgresEngine, Sql } from './postgres-engine.js'

/** A change of an enrolment that another process has written, or this one without knowing it. */
export interface NotedChange {
  readonly deviceId: string
  readonly writer?: string
}

export interface ChangeFeedOptions {
  /** Milliseconds between two looks. */
  readonly interval: number
  /** Seconds that a look goes back before the one before it. */
  readonly overlap?: number
  /** Tells of what was found; where it rejects the same is found once more. */
  readonly tell: (changes: readonly NotedChange[]) => Promise<void>
  /** Told after each look: what it failed with, undefined where it did not. */
  readonly onLooked: (error: unknown) => void
}

/** What looks for changes; it stops with the look that is under way. */
export interface ChangeFeed {
  readonly stop: () => Promise<void>
}

interface Row {
  readonly transaction: string
  readonly position: number
  readonly key: string
  readonly writer: string | null
  readonly opener: string
  readonly at: string
}

/**
 * Seconds that a look goes back before the one before it: a change is noted some time before it is committed, and so
 * can be seen. Longer than all timeouts of a transaction together; a commit that waits for a standby has none, and is
 * found among what runs.
 */
const OVERLAP = 60
/** Rows of one statement. */
const PAGE = 1_000
/** How long it is known what was changed, for a node that was cut off. */
const KEPT = "interval '7 days'"
/** How long it is known what became of a transaction of something that nobody follows. */
const KEPT_FOR_OUTCOME = "interval '1 hour'"
/** Looks between two times that old changes are taken away, and how many of them at a time. */
const LOOKS_BETWEEN_CLEANING = 100
const CLEANED_AT_ONCE = 1_000

const FOUND = `SELECT transaction, position, key, writer, opener, at::text AS at
  FROM change
  WHERE kind = 'enrolment' AND (at, transaction, position) > ($1::timestamptz, $2, $3)
  ORDER BY at, transaction, position LIMIT ${PAGE}`
const CLEAN = `DELETE FROM change WHERE (transaction, position) IN (
  SELECT transaction, position FROM change
  WHERE at < now() - ${KEPT} OR (kind <> 'enrolment' AND at < now() - ${KEPT_FOR_OUTCOME})
  LIMIT ${CLEANED_AT_ONCE})`

/** Follows the changes that are written from now on. Rejects where the database cannot be asked. */
export async function followChanges(
  engine: PostgresEngine,
  { interval, overlap = OVERLAP, tell, onLooked }: ChangeFeedOptions,
): Promise<ChangeFeed> {
  /** Those that were told or are older than the feed, as far as a look finds them again. */
  let seen = new Set<string>()
  let since = await engine.read(async (sql) => {
    const start = await windowStart(sql, overlap)
    for (const row of await changesFrom(sql, start)) seen.add(idOf(row))
    return start
  })
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let looks = 0
  let underWay = Promise.resolve()

  const look = async (): Promise<void> => {
    const [next, rows] = await engine.read(
      async (sql) => [await windowStart(sql, overlap), await changesFrom(sql, since)] as const,
    )
    const fresh = rows.filter((row) => !seen.has(idOf(row)))
    const foreign = fresh.filter(({ transaction }) => !engine.isKnown(transaction))
    // The last of a device stands for all of them.
    const byDevice = new Map(foreign.map((row) => [row.key, noteOf(row, engine.opener)]))
    if (byDevice.size > 0) await tell([...byDevice.values()])
    // One of its own whose commit is not answered yet is known, and may be unknown the next time.
    const told = new Set(foreign)
    seen = new Set(rows.filter((row) => told.has(row) || seen.has(idOf(row))).map(idOf))
    since = next
    looks += 1
    if (looks % LOOKS_BETWEEN_CLEANING === 0) await engine.writeLoosely((sql) => sql(CLEAN))
  }
  const again = (): void => {
    if (stopped) return
    timer = setTimeout(() => {
      underWay = look()
        .then(() => onLooked(undefined))
        .catch(onLooked)
        .finally(again)
      inBackground('store', underWay)
    }, interval)
    timer.unref()
  }
  again()

  return {
    stop: async () => {
      stopped = true
      clearTimeout(timer)
      await underWay.catch(() => undefined)
    },
  }
}

/** From where the next look has to read, by the engine's clock. */
async function windowStart(sql: Sql, overlap: number): Promise<string> {
  const { rows } = await sql<{ readonly start: string }>(
    `SELECT (least(now(), (SELECT min(xact_start) FROM pg_stat_activity WHERE datname = current_database()))
       - $1 * interval '1 second')::text AS start`,
    [overlap],
  )
  return rows[0]?.start ?? ''
}

async function changesFrom(sql: Sql, since: string): Promise<readonly Row[]> {
  const found: Row[] = []
  for (let after: Pick<Row, 'at' | 'transaction' | 'position'> = { at: since, transaction: '', position: -1 }; ; ) {
    const { rows } = await sql<Row>(FOUND, [after.at, after.transaction, after.position])
    for (const row of rows) found.push(row)
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return found
    after = last
  }
}

function idOf({ transaction, position }: Row): string {
  return `${transaction} ${position}`
}

/** A change of its own that it does not know of is told as another's: it was told that it may not be written. */
function noteOf({ key, writer, opener }: Row, own: string): NotedChange {
  return { deviceId: key, ...(writer === null || opener === own ? {} : { writer }) }
}
