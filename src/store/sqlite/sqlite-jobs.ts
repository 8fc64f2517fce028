import type { Job } from '../job.js'
import { prepare, type SqliteDatabase } from './sqlite-database.js'

/** The statements on the table of jobs, as functions. */
export interface JobTable {
  readonly list: () => readonly Job[]
  /** Puts a job in the place of what is there. */
  readonly write: (job: Job) => void
  readonly remove: (id: string) => void
}

/** A row of `job`; times are milliseconds since 1970, the rest is JSON. */
interface JobRow {
  readonly id: string
  readonly device_id: string
  readonly state: Job['state']
  readonly owner: string
  readonly request: string
  readonly answer: string | null
  readonly created_at: number
  readonly expires_at: number
  readonly started_at: number | null
  readonly finished_at: number | null
}

/** Prepares every statement on the table of jobs. */
export function jobTable(database: SqliteDatabase): JobTable {
  const all = prepare<object, JobRow>(database, 'SELECT * FROM job ORDER BY created_at, id')
  const put = prepare<JobRow>(
    database,
    `INSERT OR REPLACE INTO job
       (id, device_id, state, owner, request, answer, created_at, expires_at, started_at, finished_at)
     VALUES
       (:id, :device_id, :state, :owner, :request, :answer, :created_at, :expires_at, :started_at, :finished_at)`,
  )
  const drop = prepare<{ readonly id: string }>(database, 'DELETE FROM job WHERE id = :id')
  return {
    list: () => all.all({}).map(jobOf),
    write: (job) => put.run(rowOf(job)),
    remove: (id) => drop.run({ id }),
  }
}

function jobOf(row: JobRow): Job {
  return {
    id: row.id,
    deviceId: row.device_id,
    state: row.state,
    owner: JSON.parse(row.owner) as Job['owner'],
    request: JSON.parse(row.request) as Job['request'],
    createdAt: new Date(row.created_at),
    expiresAt: new Date(row.expires_at),
    ...(row.started_at !== null && { startedAt: new Date(row.started_at) }),
    ...(row.finished_at !== null && { finishedAt: new Date(row.finished_at) }),
    ...(row.answer !== null && { answer: JSON.parse(row.answer) as NonNullable<Job['answer']> }),
  }
}

function rowOf({ id, deviceId, state, owner, request, answer, ...times }: Job): JobRow {
  return {
    id,
    device_id: deviceId,
    state,
    owner: JSON.stringify(owner),
    request: JSON.stringify(request),
    answer: answer === undefined ? null : JSON.stringify(answer),
    created_at: times.createdAt.getTime(),
    expires_at: times.expiresAt.getTime(),
    started_at: times.startedAt?.getTime() ?? null,
    finished_at: times.finishedAt?.getTime() ?? null,
  }
}
