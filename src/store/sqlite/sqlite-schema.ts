import { type SqliteDatabase, transaction } from './sqlite-database.js'

/** The schema's history: the first makes version 1 of nothing. What was released is never edited, only added to. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE enrolment (
    device_id TEXT NOT NULL PRIMARY KEY CHECK (device_id <> ''),
    standing TEXT NOT NULL CHECK (standing IN ('pending', 'approved', 'rejected')),
    decision_by TEXT,
    decision_at INTEGER,
    decision_how TEXT CHECK (decision_how IN ('operator', 'hmac', 'first-use', 'onboarding', 'certificate')),
    first_seen INTEGER,
    last_seen INTEGER,
    refusal_reason TEXT,
    refusal_message TEXT,
    refusal_source TEXT,
    refusal_at INTEGER,
    presented_type TEXT,
    presented_blob BLOB,
    presented_at INTEGER,
    presented_by TEXT,
    secret TEXT,
    labels TEXT NOT NULL,
    vendor TEXT,
    credentials TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX enrolment_standing ON enrolment (standing, device_id);

  CREATE TABLE pin (
    device_id TEXT NOT NULL REFERENCES enrolment ON DELETE CASCADE,
    position INTEGER NOT NULL,
    type TEXT NOT NULL,
    blob BLOB NOT NULL,
    added_at INTEGER NOT NULL,
    added_by TEXT NOT NULL,
    PRIMARY KEY (device_id, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX pin_blob ON pin (blob);

  CREATE TABLE address (
    device_id TEXT NOT NULL REFERENCES enrolment ON DELETE CASCADE,
    position INTEGER NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (device_id, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX address_address ON address (address);
  `,
  `
  CREATE TABLE token (
    id TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    user TEXT NOT NULL,
    hash BLOB NOT NULL,
    scopes TEXT,
    devices TEXT,
    description TEXT,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    revoked_by TEXT,
    last_used_at INTEGER
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE job (
    id TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    device_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'expired', 'cancelled', 'interrupted')),
    owner TEXT NOT NULL,
    request TEXT NOT NULL,
    answer TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX job_created ON job (created_at, id);
  `,
  `
  CREATE TABLE given_endpoint (
    device_id TEXT NOT NULL PRIMARY KEY CHECK (device_id <> ''),
    port INTEGER UNIQUE,
    address TEXT UNIQUE
  ) STRICT, WITHOUT ROWID;
  `,
  // Owners of jobs were a name alone; those of before are taken for users of the configuration.
  `
  UPDATE job SET owner = json_set(
    json_remove(owner, '$.kind', '$.user'),
    '$.realm', CASE json_extract(owner, '$.kind') WHEN 'operator' THEN 'operator' ELSE 'local' END,
    '$.name', json_extract(owner, '$.user')
  );
  `,
  // An enrolment that nobody decided on, or that the HMAC of a secret that is not here decided, can only belong to the
  // configuration file.
  `
  ALTER TABLE enrolment ADD COLUMN configured INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE pin ADD COLUMN secret_mark BLOB;
  UPDATE pin SET secret_mark = x'' WHERE added_by = 'hmac' AND NOT EXISTS (
    SELECT 1 FROM enrolment
    WHERE enrolment.device_id = pin.device_id AND decision_how = 'operator' AND decision_by = 'hmac'
  );
  UPDATE enrolment SET configured = 1 WHERE standing = 'approved' AND secret IS NULL AND (
    decision_how IS NULL OR decision_how = 'hmac'
    OR EXISTS (SELECT 1 FROM pin WHERE pin.device_id = enrolment.device_id AND secret_mark IS NOT NULL)
  );
  `,
  'ALTER TABLE enrolment ADD COLUMN decision_profiles TEXT',
  `
  CREATE TABLE attached (device_id TEXT NOT NULL PRIMARY KEY CHECK (device_id <> '')) STRICT, WITHOUT ROWID;
  CREATE TABLE alive (id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL) STRICT;
  `,
  'ALTER TABLE enrolment ADD COLUMN refusal_hint TEXT',
]

/** What became of the schema; a newer one than ours is left as it is. */
export type Migrated = { readonly ok: true } | { readonly ok: false; readonly newer: number; readonly known: number }

/** Brings the schema up to date in one transaction. Also where a database that cannot be written shows itself. */
export function migrate(database: SqliteDatabase, steps: readonly string[] = MIGRATIONS): Migrated {
  return transaction(database, () => {
    const version = schemaVersion(database)
    if (version > steps.length) return { ok: false, newer: version, known: steps.length }
    for (const step of steps.slice(version)) database.exec(step)
    if (version < steps.length) database.exec(`PRAGMA user_version = ${steps.length}`)
    return { ok: true }
  })
}

/** How many migrations a database has had. */
export function schemaVersion(database: SqliteDatabase): number {
  const [row] = database.prepare('PRAGMA user_version').all() as { readonly user_version: number }[]
  return row?.user_version ?? 0
}
