import {
  type Beat,
  type ClaimRelease,
  type ClaimWant,
  type ClusterEngine,
  type EndedLink,
  EngineFailure,
  type GivenClaim,
  type LinkRow,
  type NodeRecord,
  type SeenNode,
} from './engine.js'
import type { NodeLife, NodeState } from './peer-messages.js'

/** One statement, with `$1` and so on for its values. */
export type ClusterSql = <Row>(text: string, values?: readonly unknown[]) => Promise<ClusterAnswer<Row>>

/** 64 bits come as a number. */
export interface ClusterAnswer<Row> {
  readonly rows: readonly Row[]
  /** How many rows it has read or changed. */
  readonly count: number
}

/**
 * The database of the cluster. Both do their work in one transaction, do it anew where another was in the way, and give
 * up after a few seconds.
 */
export interface ClusterDatabase {
  /** It takes what PostgreSQL takes, but for a few words that it has no use for. */
  readonly isCockroach: boolean
  readonly read: <T>(work: (sql: ClusterSql) => Promise<T>) => Promise<T>
  /** What it writes may be lost with the engine's last moment: a claim that is lost is claimed again. */
  readonly writeLoosely: <T>(work: (sql: ClusterSql) => Promise<T>) => Promise<T>
}

export interface PostgresClusterEngineOptions {
  readonly database: ClusterDatabase
  /** Milliseconds after which others may claim what a node has that has not been seen. */
  readonly lease: number
  /** What an error of the database means for whoever runs the bridge; undefined when it is a mistake of ours. */
  readonly failureOf: (error: unknown) => { readonly message: string; readonly hint: string } | undefined
}

/**
 * The engine on PostgreSQL, in the tables `node` and `link`: plain SQL, and nothing that outlives a transaction, so
 * that it goes through pgbouncer as well. What locks several rows locks them in the order of their device ids.
 */
export function createPostgresClusterEngine(options: PostgresClusterEngineOptions): ClusterEngine {
  const { database, lease, failureOf } = options

  const orFailure = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      const failure = failureOf(error)
      throw failure === undefined ? error : new EngineFailure(failure.message, failure.hint, { cause: error })
    }
  }
  const read = <T>(work: (sql: ClusterSql) => Promise<T>): Promise<T> => orFailure(database.read(work))
  const write = <T>(work: (sql: ClusterSql) => Promise<T>): Promise<T> => orFailure(database.writeLoosely(work))

  return {
    join: (record) =>
      write(async (sql) => {
        const { rows } = await sql<{ readonly incarnation: string }>(
          'SELECT incarnation FROM node WHERE id = $1 FOR UPDATE',
          [record.node],
        )
        const clock = await sql<{ readonly now: number }>(`SELECT ${MILLISECONDS_NOW} AS now`)
        const older = Number(rows[0]?.incarnation)
        // By the clock too, so that one which the engine has lost is not given again.
        const incarnation = Math.max((Number.isFinite(older) ? older : 0) + 1, Math.floor(Number(clock.rows[0]?.now)))
        const life = { node: record.node, incarnation }
        await sql(PUT_NODE, nodeValues(life, record))
        await sql(RELEASE_OLDER_LIVES, [life.node, String(incarnation), ENDED_BY_START.reason, ENDED_BY_START.message])
        return life
      }),
    beat: (life, record) => write((sql) => beat(sql, { life, record, isCockroach: database.isCockroach })),
    claim: (life, wants) =>
      wants.length === 0 ? Promise.resolve([]) : write((sql) => claim(sql, { life, wants, lease })),
    release: async (life, releases) => {
      if (releases.length > 0) await write((sql) => release(sql, life, releases))
    },
    find: (ids) => read((sql) => links(sql, 'device_id = ANY($1::text[])', [...ids])),
    naming: (node) => read((sql) => links(sql, 'node = $1', node)),
    leave: async ({ node, incarnation }) => {
      await write((sql) => sql('DELETE FROM node WHERE id = $1 AND incarnation = $2', [node, String(incarnation)]))
    },
  }
}

const MILLISECONDS_NOW = '(extract(epoch FROM clock_timestamp()) * 1000)::float8'

const ENDED_BY_START = { reason: 'lost', message: 'the node that had it was started again' }

const PUT_NODE = `INSERT INTO node (id, incarnation, address, state, versions, config_hash, host_key_fp, seen_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, now())
  ON CONFLICT (id) DO UPDATE SET incarnation = excluded.incarnation, address = excluded.address,
    state = excluded.state, versions = excluded.versions, config_hash = excluded.config_hash,
    host_key_fp = excluded.host_key_fp, seen_at = now()`

/** In the order of device ids, as all that locks rows. */
const RELEASE_OLDER_LIVES = `WITH old AS (
    SELECT device_id FROM link WHERE node = $1 AND incarnation <> $2 ORDER BY device_id FOR UPDATE
  )
  UPDATE link AS l SET node = NULL, incarnation = NULL, ended_at = ${MILLISECONDS_NOW}::bigint, end_reason = $3,
    end_message = $4
  FROM old WHERE l.device_id = old.device_id AND l.node = $1 AND l.incarnation <> $2`

function nodeValues({ node, incarnation }: NodeLife, record: NodeRecord): readonly unknown[] {
  const { address, state, version, configHash, hostKeyFingerprint } = record
  return [node, String(incarnation), address, state, version, configHash, hostKeyFingerprint]
}

interface NodeRow {
  readonly id: string
  readonly incarnation: string
  readonly address: string | null
  readonly state: NodeState
  readonly versions: string | null
  readonly config_hash: string | null
  readonly host_key_fp: string | null
  readonly seen_ago: number
  readonly now: number
  readonly engine: string | null
}

async function beat(
  sql: ClusterSql,
  {
    life,
    record,
    isCockroach,
  }: { readonly life: NodeLife; readonly record: NodeRecord; readonly isCockroach: boolean },
): Promise<Beat> {
  const values = nodeValues(life, record)
  const { count } = await sql(
    `UPDATE node SET address = $3, state = $4, versions = $5, config_hash = $6, host_key_fp = $7, seen_at = now()
     WHERE id = $1 AND incarnation = $2`,
    values,
  )
  if (count === 0) {
    const { rows } = await sql<{ readonly incarnation: string }>(
      'SELECT incarnation FROM node WHERE id = $1 FOR UPDATE',
      [life.node],
    )
    const [row] = rows
    // An older life, or none, stands there where the engine has lost what this one wrote when it began.
    if (row === undefined || Number(row.incarnation) < life.incarnation) await sql(PUT_NODE, values)
    else return { now: Date.now(), nodes: [], superseded: true }
  }
  const { rows } = await sql<NodeRow>(
    `SELECT id, incarnation, address, state, versions, config_hash, host_key_fp,
       (extract(epoch FROM clock_timestamp() - seen_at) * 1000)::float8 AS seen_ago, ${MILLISECONDS_NOW} AS now,
       ${isCockroach ? 'NULL' : 'pg_postmaster_start_time()::text'} AS engine
     FROM node ORDER BY id`,
  )
  const { now, engine } = rows[0] ?? { now: Number.NaN, engine: null }
  return {
    now,
    nodes: rows.map(seenNode).filter(({ incarnation }) => Number.isFinite(incarnation)),
    superseded: false,
    ...(engine === null ? {} : { engine }),
  }
}

function seenNode(row: NodeRow): SeenNode {
  return {
    node: row.id,
    // One that is no number is that of a node which uses the database alone.
    incarnation: Number(row.incarnation),
    address: row.address ?? '',
    state: row.state,
    version: row.versions ?? '',
    configHash: row.config_hash ?? '',
    hostKeyFingerprint: row.host_key_fp ?? '',
    seenAgo: row.seen_ago,
  }
}

/**
 * `old` is whole, with its rows locked in their order, before anything is inserted, because the rows to insert are
 * joined with it and sorted. It does not see an owner that inserts its first row in the same instant.
 */
const CLAIM = `WITH want AS (
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[]) AS w (device_id, proven_at, source, known)
  ), old AS (
    SELECT l.device_id, l.node, l.incarnation FROM link l JOIN want w ON w.device_id = l.device_id
    ORDER BY l.device_id FOR UPDATE OF l
  ), given AS (
    INSERT INTO link AS l (device_id, node, incarnation, epoch, proven_at, source)
    SELECT w.device_id, $5, $6, w.known + 1, w.proven_at, w.source
    FROM want w LEFT JOIN old o ON o.device_id = w.device_id ORDER BY w.device_id
    ON CONFLICT (device_id) DO UPDATE SET node = excluded.node, incarnation = excluded.incarnation,
      epoch = greatest(l.epoch + 1, excluded.epoch), proven_at = excluded.proven_at, source = excluded.source,
      ended_at = NULL, end_reason = NULL, end_message = NULL
    WHERE l.node IS NULL
      OR excluded.proven_at > l.proven_at
      OR (excluded.proven_at = l.proven_at AND excluded.node >= l.node)
      OR NOT EXISTS (
        SELECT 1 FROM node n WHERE n.id = l.node AND n.incarnation = l.incarnation
          AND n.seen_at > now() - $7 * interval '1 millisecond'
      )
    RETURNING l.device_id, l.epoch
  )
  SELECT g.device_id, g.epoch, o.node, o.incarnation FROM given g LEFT JOIN old o ON o.device_id = g.device_id`

interface GivenRow {
  readonly device_id: string
  readonly epoch: number
  readonly node: string | null
  readonly incarnation: string | null
}

async function claim(
  sql: ClusterSql,
  { life, wants, lease }: { readonly life: NodeLife; readonly wants: readonly ClaimWant[]; readonly lease: number },
): Promise<readonly GivenClaim[]> {
  const { rows } = await sql<GivenRow>(CLAIM, [
    wants.map(({ deviceId }) => deviceId),
    wants.map(({ provenAt }) => Math.floor(provenAt)),
    wants.map(({ source }) => source),
    wants.map(({ known }) => known),
    life.node,
    String(life.incarnation),
    lease,
  ])
  return rows.map(({ device_id: deviceId, epoch, node, incarnation }) => ({
    deviceId,
    epoch,
    ...(node === null ? {} : { before: { node, incarnation: Number(incarnation) } }),
  }))
}

const RELEASE = `WITH done AS (
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[])
      AS d (device_id, epoch, ended_at, reason, message)
  ), mine AS (
    SELECT l.device_id FROM link l JOIN done d ON d.device_id = l.device_id
    WHERE l.node = $6 AND l.epoch = d.epoch ORDER BY l.device_id FOR UPDATE OF l
  )
  UPDATE link AS l SET node = NULL, incarnation = NULL, ended_at = d.ended_at, end_reason = d.reason,
    end_message = d.message
  FROM done d JOIN mine m ON m.device_id = d.device_id
  WHERE l.device_id = d.device_id AND l.node = $6 AND l.epoch = d.epoch`

async function release(sql: ClusterSql, { node }: NodeLife, releases: readonly ClaimRelease[]): Promise<void> {
  await sql(RELEASE, [
    releases.map(({ deviceId }) => deviceId),
    releases.map(({ epoch }) => epoch),
    releases.map(({ ended }) => Math.floor(ended.at)),
    releases.map(({ ended }) => ended.reason),
    releases.map(({ ended }) => ended.message),
    node,
  ])
}

interface StoredLink {
  readonly device_id: string
  readonly node: string | null
  readonly incarnation: string | null
  readonly epoch: number
  readonly proven_at: number
  readonly ended_at: number | null
  readonly end_reason: string | null
  readonly end_message: string | null
}

async function links(sql: ClusterSql, where: string, value: unknown): Promise<readonly LinkRow[]> {
  const { rows } = await sql<StoredLink>(
    `SELECT device_id, node, incarnation, epoch, proven_at, ended_at, end_reason, end_message
     FROM link WHERE ${where}`,
    [value],
  )
  return rows.map((row) => {
    const ended = endOf(row)
    return {
      deviceId: row.device_id,
      ...(row.node === null ? {} : { holder: { node: row.node, incarnation: Number(row.incarnation) } }),
      epoch: row.epoch,
      provenAt: row.proven_at,
      ...(ended === undefined ? {} : { ended }),
    }
  })
}

function endOf({ ended_at, end_reason, end_message }: StoredLink): EndedLink | undefined {
  if (ended_at === null) return undefined
  return { at: ended_at, reason: end_reason ?? 'lost', message: end_message ?? '' }
}
