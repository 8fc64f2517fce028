import { LINK_TABLE } from '../../../src/store/postgres/link-table.js'
import type { PostgresServer } from '../../e2e/parts/postgres-server.js'

/** As the schema of the store has it. */
const NODE_TABLE = `CREATE TABLE node (
  id TEXT COLLATE "C" PRIMARY KEY CHECK (id <> ''), incarnation TEXT NOT NULL, address TEXT, endpoints TEXT,
  state TEXT NOT NULL CHECK (state IN ('up', 'draining')), versions TEXT, config_hash TEXT, host_key_fp TEXT,
  seen_at TIMESTAMPTZ NOT NULL
);`

/** Makes the tables of the engine in an empty database. */
export async function createTables(server: PostgresServer, url: string): Promise<void> {
  await server.sql(`SET ROLE homeport; ${NODE_TABLE} ${LINK_TABLE}`, nameOf(url))
}

/** The name of a database, from its URL. */
export function nameOf(url: string): string {
  return new URL(url).pathname.slice(1)
}
