import { LINK_TABLE } from './link-table.js'
import { EngineError, isInTheWay } from './postgres-failure.js'
import type { PostgresEngine, Sql } from './postgres-engine.js'

/** One step of the schema's history. What was released is never edited, only added to. */
export interface Migration {
  readonly sql: string
  /**
   * The least version of a Homeport that can still use the database. It stays where a step only adds, so that nodes of
   * the release before go on beside newer ones; what takes something away comes a release later, and raises it.
   */
  readonly minReader: number
}

// Ids and addresses are compared by their bytes, as SQLite does; CockroachDB always does, and knows no word for it.
const BYTEWISE = ' COLLATE "C"'

export const MIGRATIONS: readonly Migration[] = [
  {
    minReader: 1,
    sql: `
  CREATE TABLE enrolment (
    device_id TEXT${BYTEWISE} PRIMARY KEY CHECK (device_id <> ''),
    version BIGINT NOT NULL DEFAULT 1,
    changed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    standing TEXT NOT NULL CHECK (standing IN ('pending', 'approved', 'rejected')),
    decision_by TEXT,
    decision_at BIGINT,
    decision_how TEXT,
    decision_profiles TEXT,
    first_seen BIGINT,
    last_seen BIGINT,
    refusal_reason TEXT,
    refusal_message TEXT,
    refusal_source TEXT,
    refusal_at BIGINT,
    refusal_hint TEXT,
    presented_type TEXT,
    presented_blob BYTEA,
    presented_at BIGINT,
    presented_by TEXT,
    secret BYTEA,
    secret_key TEXT,
    labels TEXT NOT NULL,
    vendor TEXT,
    credentials TEXT,
    configured SMALLINT NOT NULL DEFAULT 0
  );
  CREATE INDEX enrolment_standing ON enrolment (standing, device_id);
  CREATE INDEX enrolment_secret_key ON enrolment (secret_key);

  CREATE TABLE pin (
    device_id TEXT${BYTEWISE} NOT NULL REFERENCES enrolment ON DELETE CASCADE,
    position INTEGER NOT NULL,
    type TEXT NOT NULL,
    blob BYTEA NOT NULL,
    added_at BIGINT NOT NULL,
    added_by TEXT NOT NULL,
    secret_mark BYTEA,
    PRIMARY KEY (device_id, position)
  );
  CREATE INDEX pin_blob ON pin (blob);

  CREATE TABLE address (
    device_id TEXT${BYTEWISE} NOT NULL REFERENCES enrolment ON DELETE CASCADE,
    position INTEGER NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (device_id, position)
  );
  CREATE INDEX address_address ON address (address);

  CREATE TABLE token (
    id TEXT${BYTEWISE} PRIMARY KEY CHECK (id <> ''),
    user_name TEXT NOT NULL,
    hash BYTEA NOT NULL,
    scopes TEXT,
    devices TEXT,
    description TEXT,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    revoked_by TEXT,
    last_used_at BIGINT
  );

  CREATE TABLE job (
    id TEXT${BYTEWISE} PRIMARY KEY CHECK (id <> ''),
    version BIGINT NOT NULL DEFAULT 1,
    device_id TEXT NOT NULL,
    state TEXT NOT NULL,
    runner TEXT,
    runner_incarnation TEXT,
    owner TEXT NOT NULL,
    request BYTEA NOT NULL,
    answer BYTEA,
    body_key TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT
  );
  CREATE INDEX job_created ON job (created_at, id);
  CREATE INDEX job_body_key ON job (body_key);

  CREATE TABLE given_endpoint (
    device_id TEXT${BYTEWISE} PRIMARY KEY CHECK (device_id <> ''),
    port INTEGER UNIQUE,
    address TEXT UNIQUE
  );

  CREATE TABLE attached (device_id TEXT${BYTEWISE} PRIMARY KEY CHECK (device_id <> ''));
  CREATE TABLE alive (id INTEGER PRIMARY KEY CHECK (id = 1), at BIGINT NOT NULL);

  CREATE TABLE node (
    id TEXT${BYTEWISE} PRIMARY KEY CHECK (id <> ''),
    incarnation TEXT NOT NULL,
    address TEXT,
    endpoints TEXT,
    state TEXT NOT NULL CHECK (state IN ('up', 'draining')),
    versions TEXT,
    config_hash TEXT,
    host_key_fp TEXT,
    seen_at TIMESTAMPTZ NOT NULL
  );

  CREATE TABLE change (
    transaction TEXT NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    writer TEXT,
    opener TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (transaction, position)
  );
  CREATE INDEX change_at ON change (at);

  CREATE TABLE sealing_key (id TEXT PRIMARY KEY, first_used_at TIMESTAMPTZ NOT NULL DEFAULT now());
  `,
  },
  { minReader: 1, sql: LINK_TABLE },
]

/** What became of the schema; one that a newer Homeport has changed too much is left as it is. */
export type Migrated = { readonly ok: true } | { readonly ok: false; readonly newer: number; readonly known: number }

/**
 * Brings the schema up to date, one node at a time: whoever is second waits for the row that says how far it is. A
 * newer schema is taken as it is, as long as it says that this version may.
 */
export async function migrate(engine: PostgresEngine, steps = MIGRATIONS): Promise<Migrated> {
  await makeVersionRow(engine)
  return engine.atLeisure(async (sql) => {
    const { rows } = await sql<{ readonly version: number; readonly min_reader: number }>(
      'SELECT version, min_reader FROM schema_version WHERE id = 1 FOR UPDATE',
    )
    const [row] = rows
    if (row === undefined) throw noVersionRow(engine.name)
    const { version, min_reader: minReader } = row
    if (minReader > steps.length) return { ok: false, newer: version, known: steps.length }
    if (version >= steps.length) return { ok: true }
    for (const step of steps.slice(version)) await sql(engine.isCockroach ? withoutCollation(step.sql) : step.sql)
    const last = Math.max(minReader, steps.at(-1)?.minReader ?? 0)
    await sql('UPDATE schema_version SET version = $1, min_reader = $2 WHERE id = 1', [steps.length, last])
    return { ok: true }
  })
}

/** Whether the database has a schema of ours at all; nothing is made. */
export async function isWithoutSchema(engine: PostgresEngine): Promise<boolean> {
  return engine.read(async (sql) => !(await hasVersionTable(sql)))
}

async function hasVersionTable(sql: Sql): Promise<boolean> {
  const { rows } = await sql<{ readonly found: string | null }>(`SELECT to_regclass('schema_version')::text AS found`)
  return rows[0]?.found !== null && rows[0]?.found !== undefined
}

async function makeVersionRow(engine: PostgresEngine): Promise<void> {
  if (await engine.read(hasVersionTable)) return
  // Of two nodes that begin at once, the second may find the name taken after it has looked.
  for (let tries = 1; ; tries += 1)
    try {
      await engine.atLeisure(async (sql) => {
        await sql(
          `CREATE TABLE IF NOT EXISTS schema_version
             (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, min_reader INTEGER NOT NULL)`,
        )
        await sql('INSERT INTO schema_version (id, version, min_reader) VALUES (1, 0, 0) ON CONFLICT DO NOTHING')
      })
      return
    } catch (error) {
      if (tries === MOST_TRIES || !(isInTheWay(error) || isTaken(error))) throw error
    }
}

const MOST_TRIES = 5

/** The name of a table or of its type, by another that was faster. */
function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(23505|42P07|42710)$/.test(String(error.code))
}

function noVersionRow(name: string): EngineError {
  return new EngineError({
    reason: 'corrupt',
    message: `${name}: its table schema_version has no row`,
    hint: 'put back a backup of the database',
  })
}

function withoutCollation(sql: string): string {
  return sql.replaceAll(BYTEWISE, '')
}
