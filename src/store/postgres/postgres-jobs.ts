import type { Job } from '../job.js'
import { type JobRow, jobOf, jobRowOf } from '../job-row.js'
import type { Jobs } from '../store.js'
import type { EngineCalls } from './engine-calls.js'
import type { PostgresEngine, Sql } from './postgres-engine.js'
import type { Sealer } from './sealer.js'
import { insertInto } from './sql-text.js'

/** What is asked and answered is sealed: a configuration holds secrets. */
type Row = Omit<JobRow, 'request' | 'answer'> & {
  readonly request: Buffer
  readonly answer: Buffer | null
  readonly body_key: string
}

const COLUMNS = [
  'id',
  'device_id',
  'state',
  'owner',
  'request',
  'answer',
  'body_key',
  'created_at',
  'expires_at',
  'started_at',
  'finished_at',
] as const satisfies readonly (keyof Row)[]
const PUT = `${insertInto('job', COLUMNS)}
  ON CONFLICT (id) DO UPDATE SET version = job.version + 1,
    ${COLUMNS.map((column) => `${column} = excluded.${column}`).join(', ')}`

export function storedJobs(
  engine: PostgresEngine,
  { calls, sealer }: { readonly calls: EngineCalls; readonly sealer: Sealer },
): Jobs {
  const changed = (id: string) => [{ kind: 'job' as const, key: id }]
  const opened = (row: Row): Job => jobOf(openedRow(sealer, row))
  return {
    list: () =>
      calls.read(() =>
        engine.read(async (sql) => {
          const { rows } = await sql<Row>('SELECT * FROM job ORDER BY created_at, id')
          return rows.map(opened)
        }),
      ),
    put: (job) =>
      calls.write(() =>
        engine.write(async (sql) => {
          const row = sealedRow(sealer, jobRowOf(job))
          await sql(
            PUT,
            COLUMNS.map((column) => row[column]),
          )
          return { value: undefined, changed: changed(job.id) }
        }),
      ),
    remove: (id) =>
      calls.write(() =>
        engine.write(async (sql) => {
          const { count } = await sql('DELETE FROM job WHERE id = $1', [id])
          return { value: undefined, changed: count === 0 ? [] : changed(id) }
        }),
      ),
    begin: (id, startedAt) =>
      calls.write(() =>
        engine.write(async (sql) => {
          const { rows } = await sql<Row>(
            `UPDATE job SET state = 'running', started_at = $2, version = version + 1
             WHERE id = $1 AND state = 'queued' RETURNING *`,
            [id, startedAt.getTime()],
          )
          const [row] = rows
          return { value: row && opened(row), changed: row === undefined ? [] : changed(id) }
        }),
      ),
  }
}

/** Seals the bodies of jobs anew that another key has sealed; answers how many. */
export async function resealJobs(
  sql: Sql,
  { sealer, most }: { readonly sealer: Sealer; readonly most: number },
): Promise<number> {
  const { rows } = await sql<Row>('SELECT * FROM job WHERE body_key <> $1 ORDER BY id LIMIT $2 FOR UPDATE', [
    sealer.keyId,
    most,
  ])
  for (const row of rows) {
    const sealed = sealedRow(sealer, openedRow(sealer, row))
    await sql('UPDATE job SET request = $2, answer = $3, body_key = $4 WHERE id = $1', [
      row.id,
      sealed.request,
      sealed.answer,
      sealed.body_key,
    ])
  }
  return rows.length
}

function sealedRow(sealer: Sealer, row: JobRow): Row {
  const { bytes: request, keyId } = sealer.seal(row.request, placeOf('request', row.id))
  const answer = row.answer === null ? null : sealer.seal(row.answer, placeOf('answer', row.id)).bytes
  return { ...row, request, answer, body_key: keyId }
}

function openedRow(sealer: Sealer, { body_key: keyId, request, answer, ...row }: Row): JobRow {
  return {
    ...row,
    request: sealer.open({ bytes: request, keyId }, placeOf('request', row.id)),
    answer: answer === null ? null : sealer.open({ bytes: answer, keyId }, placeOf('answer', row.id)),
  }
}

function placeOf(part: 'request' | 'answer', id: string): string {
  return `job.${part} ${id}`
}
