import type { Context, MiddlewareHandler } from 'hono'
import { OPERATIONS } from '../../../operations/register.js'
import type { ApiEnv, HttpServices } from '../api.js'
import { requireScopeOnDevice } from '../middleware/require-scope.js'
import { answerProblem } from '../problem.js'
import { toJobView } from '../routes/jobs/job-view.js'
import { answerRefused } from '../rpc/answer-failure.js'
import { durationOf } from '../rpc/timeout.js'
import type { JobOwner } from './job.js'

/** Operations that may wait for their device, by the end of their path. */
const QUEUEABLE: ReadonlySet<string> = new Set([
  'rpc',
  'transaction',
  ...OPERATIONS.filter(({ queueable }) => queueable).map(({ name }) => name),
])

/** Whether what is sent to a path may become a job. What is for a session of the client's own may not: it would not outlast the wait. */
export function mayBecomeJob(path: string): boolean {
  const [, operation = ''] = /^\/api\/v1\/devices\/[^/]+\/([^/]+)$/.exec(path) ?? []
  return QUEUEABLE.has(operation)
}

/** Makes a job of a call that says `Prefer: respond-async` (RFC 7240 §4.1), and answers 202 with where it is found. */
export function queueCalls(services: Pick<HttpServices, 'jobs' | 'rpc' | 'idempotency'>): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    if (c.req.method !== 'POST' || !mayBecomeJob(c.req.path) || !prefersAsync(c)) return next()
    let answer: Response | undefined
    const refused = await requireScopeOnDevice('rpc')(c, async () => {
      answer = await queue(c, services)
    })
    return refused ?? answer
  }
}

async function queue(
  c: Context<ApiEnv>,
  { jobs, rpc, idempotency }: Pick<HttpServices, 'jobs' | 'rpc' | 'idempotency'>,
): Promise<Response> {
  const deviceId = c.req.param('id') ?? ''
  const authorisation = await c.var.caller.authorise(deviceId)
  if (!authorisation.allowed) return answerRefused(c, authorisation.refusal)
  const url = new URL(c.req.url)
  const expires = url.searchParams.get('expires')
  const lifetime = expires === null ? undefined : durationOf(expires)
  if (expires !== null && lifetime === undefined)
    return answerProblem(c, 'invalid-request', {
      message: '`expires` is no duration',
      hint: 'write a whole number and a unit, as in ?expires=12h',
    })
  url.searchParams.delete('expires')
  url.searchParams.delete('wait')
  const { maxJobRequestSize } = rpc.limits()
  const bytes = await c.req.arrayBuffer()
  if (bytes.byteLength > maxJobRequestSize)
    return answerProblem(c, 'body-too-large', {
      message: `the body of a job is longer than ${maxJobRequestSize} octets`,
      hint: 'send it without Prefer: respond-async, or raise endpoint.http.max-job-request-size',
    })
  const body = await c.req.text()
  return idempotency.once(c, { deviceId, body, refuse: async () => undefined }, async () => {
    const submitted = await jobs.submit({
      deviceId,
      owner: ownerOf(c),
      request: {
        path: url.pathname + url.search,
        contentType: c.req.header('content-type') ?? 'application/xml',
        accept: c.req.header('accept') ?? 'application/xml',
        body,
      },
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
