import type { Context } from 'hono'
import { rpcError } from '../../../netconf/rpc-error.js'
import { type CallFailure, notAuthorised, operationForbidden } from '../../../rpc/call-failure.js'
import type { SessionRefusal } from '../../../fleet/refusals/sessions.js'
import type { ApiEnv, HttpServices } from '../api.js'
import { type Answered, type ProblemWords, problemResponse } from '../problem.js'
import { toRpcErrorView } from './shown-rpc-error.js'

/** nginx's word for a client that closed its connection; nobody reads it but the log. */
const CLIENT_CLOSED_REQUEST = 499

/** A call that got no answer of its device. */
export interface FailedCall {
  readonly deviceId: string
  readonly failure: CallFailure
}

/** The answer to a call that got none of the device. */
export async function answerFailure(
  to: Answered,
  services: Pick<HttpServices, 'fleet' | 'enrolments'>,
  { deviceId, failure }: FailedCall,
): Promise<Response> {
  const { cause, message, hint, reason, retryAfter } = failure
  if (cause === 'client-gone') return new Response(null, { status: CLIENT_CLOSED_REQUEST })
  return problemResponse(to, cause, {
    message,
    hint,
    ...(reason === undefined ? {} : { reason }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(await moreAbout(services, { deviceId, failure })),
  })
}

/** What a program wants to know of a failure besides. */
async function moreAbout(
  { fleet, enrolments }: Pick<HttpServices, 'fleet' | 'enrolments'>,
  { deviceId, failure: { cause, message } }: FailedCall,
): Promise<Pick<ProblemWords, 'more'>> {
  // What a NETCONF client would have been answered with.
  if (cause === 'operation-forbidden')
    return { more: { 'rpc-errors': [toRpcErrorView(rpcError('access-denied', message, { type: 'protocol' }))] } }
  if (cause !== 'not-connected') return {}
  const [status, enrolment] = await Promise.all([fleet.device(deviceId), enrolments.get(deviceId)])
  const lastSeen = enrolment?.lastSeen ?? status?.lastDetached?.at
  return { more: { lastSeen: lastSeen?.toISOString() ?? null } }
}

/** The answer to somebody who has no rights on the device, or none that anybody could have. */
export function answerRefused(to: Answered, refusal: SessionRefusal): Response {
  const failure = notAuthorised(refusal)
  return problemResponse(to, failure.cause, failure)
}

/** The answer to what a rule forbids, which is no RPC by itself. Nothing of it reached the device. */
export function answerForbidden(
  c: Context<ApiEnv>,
  services: Pick<HttpServices, 'fleet' | 'enrolments' | 'rpc'>,
  reason: string,
): Promise<Response> {
  services.rpc.denied()
  return answerFailure(c, services, {
    deviceId: c.req.param('id') ?? '',
    failure: operationForbidden(c.var.caller.user, reason),
  })
}
