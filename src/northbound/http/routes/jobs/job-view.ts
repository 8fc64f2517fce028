import { z } from '@hono/zod-openapi'
import { nameOfJob, type QueuedJob } from '../../../../rpc/jobs/job-request.js'
import type { RightsOnThing } from '../../rights.js'

const time = z.iso.datetime()

/**
 * A job as its owner sees it, and others as far as they may read what the device answered. The request's body is not
 * shown again: it may hold secrets.
 */
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
      .openapi({
        description:
          'what the call would have been answered with; ' +
          'null as well for the job of somebody else on a device where not every operation is allowed to you',
      }),
  })
  .openapi('Job')

export const jobListSchema = z.object({ jobs: z.array(jobSchema) }).openapi('JobList')

export function toJobView(job: QueuedJob, { read }: Pick<RightsOnThing, 'read'>): z.infer<typeof jobSchema> {
  const { id, deviceId, owner, request, state, createdAt, expiresAt, startedAt, finishedAt, answer } = job
  return {
    id,
    device: deviceId,
    user: owner.name,
    operation: nameOfJob(request),
    state,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    startedAt: startedAt?.toISOString() ?? null,
    finishedAt: finishedAt?.toISOString() ?? null,
    answer: answer === undefined || !read ? null : { ...answer },
  }
}
