import type { Context } from 'hono'
import { rpcError } from '../../../netconf/rpc-error.js'
import type { ApiEnv, HttpServices } from '../api.js'
import { answerProblem } from '../problem.js'
import type { SessionRefusalText } from '../../authorise.js'
import type { CallFailure } from '../../../rpc/call-failure.js'
import { toRpcErrorView } from './shown-rpc-error.js'

/** nginx's word for a client that closed its connection; nobody reads it but the log. */
const clientClosedRequest = 499

/** The answer to a call that got none of the device. */
export async function answerFailure(
  c: Context<ApiEnv>,
  { fleet, enrolments }: Pick<HttpServices, 'fleet' | 'enrolments'>,
  deviceId: string,
  failure: CallFailure,
): Promise<Response> {
  const { cause, message, hint, retryAfter } = failure
  if (cause === 'client-gone') return new Response(null, { status: clientClosedRequest })
  const words = { message, hint, ...(retryAfter === undefined ? {} : { retryAfter }) }
  if (cause !== 'not-connected') return answerProblem(c, cause, words)
  const [status, enrolment] = await Promise.all([fleet.device(deviceId), enrolments.get(deviceId)])
  const lastSeen = enrolment?.lastSeen ?? status?.lastDetached?.at
  return answerProblem(c, cause, { ...words, more: { lastSeen: lastSeen?.toISOString() ?? null } })
}

/** The answer to somebody who has no rights on the device, or none that anybody could have. */
export function answerRefused(c: Context<ApiEnv>, { reason, message, hint }: SessionRefusalText): Response {
  return answerProblem(c, reason === 'unknown-device' ? 'unknown-device' : 'no-rights', {
    message,
    hint: reason === 'unknown-device' ? 'check the spelling; GET /api/v1/devices has all of them' : hint,
  })
}

/** The answer to an operation that a rule forbids. Nothing of it reached the device. */
export function answerForbidden(c: Context<ApiEnv>, { rpc }: Pick<HttpServices, 'rpc'>, reason: string): Response {
  rpc.denied()
  const message = `user ${JSON.stringify(c.var.caller.user)} may not do this on this device: ${reason}`
  return answerProblem(c, 'operation-forbidden', {
    message,
    hint: 'ask whoever runs the bridge for a role whose `operations` include it',
    more: { 'rpc-errors': [toRpcErrorView(rpcError('access-denied', message, { type: 'protocol' }))] },
  })
}
