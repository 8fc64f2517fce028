import type { Job } from '../job.js'
import { type JobRow, jobOf, jobRowOf } from '../job-row.js'
import { prepare, type SqliteDatabase } from './sqlite-database.js'

/** The statements on the table of jobs, as functions. */
export interface JobTable {
  readonly list: () => readonly Job[]
  /** Puts a job in the place of what is there. */
  readonly write: (job: Job) => void
  readonly remove: (id: string) => void
  /** Makes a queued job run, and gives it so. */
  readonly begin: (id: string, startedAt: Date) => Job | undefined
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
  const start = prepare<{ readonly id: string; readonly started_at: number }, JobRow>(
    database,
    `UPDATE job SET state = 'running', started_at = :started_at WHERE id = :id AND state = 'queued' RETURNING *`,
  )
  return {
    list: () => all.all({}).map(jobOf),
    write: (job) => put.run(jobRowOf(job)),
    remove: (id) => drop.run({ id }),
    begin: (id, startedAt) => {
      // All rows, since a statement that writes is done when it has given its last one.
      const [row] = start.all({ id, started_at: startedAt.getTime() })
      return row && jobOf(row)
    },
  }
}
