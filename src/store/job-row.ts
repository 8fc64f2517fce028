import type { Job } from './job.js'

/** A row of `job`, in either engine; times are milliseconds since 1970, the rest is JSON. */
export interface JobRow {
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

/** The job that a row holds. */
export function jobOf(row: JobRow): Job {
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

/** The row of a job. */
export function jobRowOf({ id, deviceId, state, owner, request, answer, ...times }: Job): JobRow {
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
