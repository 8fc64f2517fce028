import type { Context } from 'hono'
import { OPERATIONS } from '../../../operations/register.js'
import type { CallLimits } from '../../../rpc/call-limits.js'
import type { JobOwner, JobRequest } from '../../../rpc/jobs/job-request.js'
import type { ApiEnv, HttpServices } from '../api.js'
import type { BodyBound } from '../middleware/body-budget.js'
import { answerProblem } from '../problem.js'
import { answerRefused } from '../rpc/answer-failure.js'
import { durationOf } from '../rpc/timeout.js'
import { toJobView } from '../routes/jobs/job-view.js'

/** Operations that may wait for their device, by the end of their path. */
const QUEUEABLE: ReadonlySet<string> = new Set([
  'rpc',
  'transaction',
  ...OPERATIONS.filter(({ queueable }) => queueable).map(({ name }) => name),
])

/**
 * Whether what is sent to a path may become a job. What is for a session of the client's own may not: it would not
 * outlast the wait.
 */
export function mayBecomeJob(path: string): boolean {
  const [, operation = ''] = /^\/api\/v1\/devices\/[^/]+\/([^/]+)$/.exec(path) ?? []
  return QUEUEABLE.has(operation)
}

/** Whether a call asks to become a job, by `Prefer: respond-async` (RFC 7240 §4.1), and may. */
export function becomesJob(c: Context): boolean {
  return mayBecomeJob(c.req.path) && prefersAsync(c)
}

/**
 * How long the body of a call may be that is to become a job: it is held, and written to disk, until its device is
 * there.
 */
export function boundOfJob({ maxJobRequestSize, maxRequestSize }: CallLimits): BodyBound {
  return {
    bytes: Math.min(maxJobRequestSize, maxRequestSize),
    hint: 'send it without Prefer: respond-async, or raise endpoint.http.max-job-request-size',
  }
}

export interface CallToQueue {
  readonly request: Exclude<JobRequest, { readonly kind?: undefined }>
  /** The request as it came. */
  readonly body: string | Uint8Array
}

/** Makes a job of a request that was read already, and answers 202 with where it is found. */
export async function queueCall(
  c: Context<ApiEnv>,
  { jobs, idempotency }: Pick<HttpServices, 'jobs' | 'idempotency'>,
  { request, body }: CallToQueue,
): Promise<Response> {
  const { deviceId } = request.request
  const authorisation = await c.var.caller.authorise(deviceId)
  if (!authorisation.allowed) return answerRefused(c, authorisation.refusal)
  const expires = c.req.query('expires')
  const lifetime = expires === undefined ? undefined : durationOf(expires)
  if (expires !== undefined && lifetime === undefined)
    return answerProblem(c, 'invalid-request', {
      message: '`expires` is no duration',
      hint: 'write a whole number and a unit, as in ?expires=12h',
    })
  // Rights were asked just now.
  const refuse = async (): Promise<undefined> => undefined
  return idempotency.once(c, { deviceId, body, refuse }, async () => {
    const submitted = await jobs.submit({
      deviceId,
      owner: ownerOf(c),
      request,
      ...(lifetime === undefined ? {} : { lifetime }),
    })
    if (!submitted.ok)
      return { response: answerProblem(c, submitted.cause, { ...submitted, retryAfter: 30 }), happened: false }
    c.header('Location', `/api/v1/jobs/${submitted.job.id}`)
    c.header('Preference-Applied', 'respond-async')
    return { response: c.json(toJobView(submitted.job, { read: true }), 202), happened: true }
  })
}

export function ownerOf({ var: { caller } }: Context<ApiEnv>): JobOwner {
  const { principal, scopes, devices, token, grantedRoles, until } = caller
  return {
    ...principal,
    ...(token === undefined ? {} : { token }),
    ...(grantedRoles === undefined ? {} : { roles: grantedRoles }),
    ...(until === undefined ? {} : { until: until.getTime() }),
    ...(scopes === undefined ? {} : { scopes }),
    ...(devices === undefined ? {} : { devices }),
  }
}

function prefersAsync(c: Context): boolean {
  return (c.req.header('prefer') ?? '').split(',').some((one) => one.trim().toLowerCase() === 'respond-async')
}
