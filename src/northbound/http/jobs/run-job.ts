import type { JobRun } from '../../../rpc/jobs/job-queue.js'
import { type JobAnswer, type JobRequest, nameOfJob, type QueuedJob } from '../../../rpc/jobs/job-request.js'
import { type CallFailure, wasReached } from '../../../rpc/call-failure.js'
import type { RpcCaller } from '../../../rpc/rpc-request.js'
import type { CurrentTracer, Span } from '../../../telemetry/traces.js'
import type { HttpServices } from '../api.js'
import type { Caller } from '../middleware/caller.js'
import type { Answered } from '../problem.js'
import { problemUri } from '../problem-types.js'
import { answerResult } from '../rpc/answer-rpc.js'
import { answerTransactionResult } from '../rpc/answer-transaction.js'
import { readBoundedAnswer } from '../rpc/bounded-answer.js'
import { callerOfApi } from '../rpc/rpc-caller.js'
import { readEarlierCall } from './earlier-call.js'

/** What carries out jobs and words their answers. */
export interface JobServices extends Pick<HttpServices, 'rpc' | 'fleet' | 'enrolments' | 'conversions'> {
  readonly tracer?: CurrentTracer | undefined
}

/** Bytes of an answer that is kept; what is longer is to be asked for without a job. */
const MAX_ANSWER = 1024 * 1024

/**
 * Carries out a job with the rights that its owner has now, in a trace of its own; the answer is what the call would
 * have been answered with.
 */
export async function runJob(services: JobServices, job: QueuedJob, caller: Caller): Promise<JobRun> {
  const span = startSpan(services.tracer?.(), job, caller)
  try {
    // Nobody goes away from a job.
    const { signal } = new AbortController()
    const { response, failure } = await carryOut(services, job, { ...callerOfApi(caller), signal, span })
    span?.set({ 'http.response.status_code': response.status })
    if (response.status >= 500) span?.fail(String(response.status))
    return { answer: await answerOf(response), reached: failure === undefined || wasReached(failure) }
  } finally {
    span?.end()
  }
}

interface CarriedOut {
  readonly response: Response
  /** Why there is no answer of the device. */
  readonly failure?: CallFailure
}

async function carryOut(services: JobServices, job: QueuedJob, caller: RpcCaller): Promise<CarriedOut> {
  // The log names a job by its id, as it names a call by that of its request.
  const to: Answered = { var: { requestId: job.id } }
  const read = await readRequest(services, job, to)
  if (!read.ok) return read
  const { request } = read
  if (request.kind === 'transaction') {
    const result = await services.rpc.transact(request.request, caller)
    const response = await answerTransactionResult(to, services, { request: request.request, result })
    return result.kind === 'failure' ? { response, failure: result.failure } : { response }
  }
  const result = await services.rpc.execute(request.request, caller)
  const response = await answerResult(to, services, { ...request, result })
  return result.kind === 'failure' ? { response, failure: result.failure } : { response }
}

type ReadRequest =
  | { readonly ok: true; readonly request: Exclude<JobRequest, { readonly kind?: undefined }> }
  | { readonly ok: false; readonly response: Response }

async function readRequest(
  services: JobServices,
  { request, deviceId, owner }: QueuedJob,
  to: Answered,
): Promise<ReadRequest> {
  if (request.kind !== undefined) return { ok: true, request }
  return readEarlierCall(services, { call: request, deviceId, owner }, to)
}

async function answerOf(response: Response): Promise<JobAnswer> {
  const { status } = response
  const body = await readBoundedAnswer(response, MAX_ANSWER)
  if (body !== undefined) return { status, contentType: response.headers.get('content-type') ?? '', body }
  return {
    status: 413,
    contentType: 'application/problem+json',
    body: JSON.stringify({
      type: problemUri('reply-too-large'),
      title: 'The reply is too large for a job',
      status: 413,
      detail: `the job was carried out with status ${status}, but its reply is longer than ${MAX_ANSWER} octets`,
      hint: 'ask for less with a filter, or ask the device without a job',
    }),
  }
}

/** A span that is named as that of the call would be. */
function startSpan(
  tracer: ReturnType<CurrentTracer>,
  { id, deviceId, request }: QueuedJob,
  caller: Caller,
): Span | undefined {
  const route = `/api/v1/devices/{id}/${nameOfJob(request)}`
  return tracer?.start(`POST ${route}`, {
    kind: 'internal',
    attributes: {
      'http.route': route,
      'homeport.request.id': id,
      'homeport.device.id': deviceId,
      'homeport.user': caller.user,
    },
  })
}
