import { z } from '@hono/zod-openapi'
import type { Job } from '../../jobs/job.js'

const time = z.iso.datetime()

/** A job as its owner sees it. The request's body is not shown again: it may hold secrets. */
export const jobSchema = z
  .object({
    id: z.string(),
    device: z.string(),
    user: z.string(),
    operation: z.string().openapi({ description: 'the end of the path that it was sent to', example: 'get-config' }),
    state: z.enum(['queued', 'running', 'done', 'expired', 'cancelled', 'interrupted']),
    createdAt: time,
    expiresAt: time,
    startedAt: time.nullable(),
    finishedAt: time.nullable(),
    answer: z
      .object({ status: z.int(), contentType: z.string(), body: z.string() })
      .nullable()
      .openapi({ description: 'what the call would have been answered with' }),
  })
  .openapi('Job')

export const jobListSchema = z.object({ jobs: z.array(jobSchema) }).openapi('JobList')

export function shownJob(job: Job): z.infer<typeof jobSchema> {
  const { id, deviceId, owner, request, state, createdAt, expiresAt, startedAt, finishedAt, answer } = job
  return {
    id,
    device: deviceId,
    user: owner.user,
    operation: request.path.split('?')[0]?.split('/').at(-1) ?? '',
    state,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    startedAt: startedAt?.toISOString() ?? null,
    finishedAt: finishedAt?.toISOString() ?? null,
    answer: answer === undefined ? null : { ...answer },
  }
}
