import type { Context } from 'hono'
import { accepts } from 'hono/accepts'
import type { XmlAttribute } from '../../../netconf/xml/xml-tree.js'
import type { CallLimits } from '../../../rpc/call-limits.js'
import type { HeldClientSession } from '../../../rpc/client-sessions.js'
import { rpcJob } from '../../../rpc/jobs/job-request.js'
import type { PreparedOperation } from '../../../rpc/prepared-operation.js'
import { mayHaveHappened, type RpcRequest, type RpcResult } from '../../../rpc/rpc-request.js'
import { mayHaveEffect } from '../../../rpc/session-policy.js'
import type { ApiEnv, HttpServices } from '../api.js'
import { becomesJob, queueCall } from '../jobs/queue-calls.js'
import type { Answered } from '../problem.js'
import { answerFailure } from './answer-failure.js'
import { answerErrors, answerReply, type ReplyFormat } from './answer-reply.js'
import { rpcCallerOf } from './rpc-caller.js'
import { timeoutOf, waitOf } from './timeout.js'

/** One RPC that a client wants carried out. */
export interface RpcCall {
  readonly deviceId: string
  /** The session of the client's own that it is for, by its name in the path. */
  readonly sessionId?: string
  readonly prepared: PreparedOperation
  /** Of the client's own `<rpc>`. */
  readonly attributes: readonly XmlAttribute[]
  /** The request as it came. */
  readonly body: string | Uint8Array
  /** Other than what the client asks for by `Accept`. */
  readonly format?: ReplyFormat
}

/** An RPC, and how its reply is written for whoever asked over HTTP. */
export interface RpcToAnswer {
  readonly request: RpcRequest
  readonly format: ReplyFormat
}

/** Answers one RPC over HTTP: reads what is asked for, has it carried out, answers with what came of it. */
export async function answerRpc(c: Context<ApiEnv>, services: HttpServices, call: RpcCall): Promise<Response> {
  const read = readCall(c, services, call)
  if (!read.ok) return read.response
  const { request } = read
  if (becomesJob(c)) return queueCall(c, services, { request: rpcJob(nameInPath(c), read), body: call.body })
  const caller = rpcCallerOf(c)
  const act = async (): Promise<{ readonly response: Response; readonly happened: boolean }> => {
    const result = await services.rpc.execute(request, caller)
    return { response: await answerResult(c, services, { ...read, result }), happened: mayHaveHappened(result) }
  }
  // What has no effect may be carried out again.
  if (!mayHaveEffect(request.operation.policy)) return (await act()).response
  const refuse = async (): Promise<Response | undefined> => {
    const refused = await services.rpc.refusalOf(request, caller)
    return refused && answerFailure(c, services, { deviceId: request.deviceId, failure: refused.failure })
  }
  return services.idempotency.once(c, { deviceId: request.deviceId, body: call.body, refuse }, act)
}

/** What a call asks for; or the answer to one that cannot be read. */
function readCall(
  c: Context,
  { rpc }: Pick<HttpServices, 'rpc'>,
  call: RpcCall,
): ({ readonly ok: true } & RpcToAnswer) | { readonly ok: false; readonly response: Response } {
  const limits = rpc.limits()
  const timeout = timeoutOf(c, limits)
  if (!timeout.ok) return timeout
  const wait = waitOf(c, limits)
  if (!wait.ok) return wait
  const times = { timeout: timeout.milliseconds, wait: wait.milliseconds }
  return { ok: true, ...rpcToAnswer({ format: wantedFormat(c), ...call }, times, limits) }
}

/** The request of a call, and how its reply is written. */
export function rpcToAnswer(
  { deviceId, sessionId, prepared, attributes, body, format }: RpcCall & { readonly format: ReplyFormat },
  times: Pick<RpcRequest, 'timeout' | 'wait'>,
  { maxJsonReplySize }: Pick<CallLimits, 'maxJsonReplySize'>,
): RpcToAnswer {
  const request: RpcRequest = {
    deviceId,
    ...(sessionId === undefined ? {} : { sessionId }),
    operation: prepared,
    attributes,
    size: body.length,
    ...times,
    // XML is passed on as it comes.
    ...(format === 'xml' ? {} : { maxReplySize: maxJsonReplySize }),
  }
  return { request, format }
}

/** The answer for what came of a request. */
export function answerResult(
  to: Answered,
  services: Pick<HttpServices, 'fleet' | 'enrolments' | 'conversions'>,
  { request, format, result }: RpcToAnswer & { readonly result: RpcResult },
): Response | Promise<Response> {
  if (result.kind === 'failure')
    return answerFailure(to, services, { deviceId: request.deviceId, failure: result.failure })
  if (result.kind === 'rpc-error') return answerErrors(to, result)
  const { conversions } = services
  return answerReply(to, result.reply, { format, requestAttributes: request.attributes, conversions })
}

/** Finds the client's session that the path names, or says why there is none. */
export async function findSession(
  c: Context<ApiEnv>,
  services: Pick<HttpServices, 'fleet' | 'enrolments' | 'rpc'>,
): Promise<{ readonly session: HeldClientSession } | { readonly response: Response }> {
  const { id: deviceId = '', sid: sessionId = '' } = c.req.param() as { id?: string; sid?: string }
  const found = services.rpc.sessions.find(c.var.caller.principal, deviceId, sessionId)
  return found.ok ? found : { response: await answerFailure(c, services, { deviceId, failure: found.failure }) }
}

/** The end of the path, by which a caller knows an operation. */
function nameInPath(c: Context): string {
  return c.req.path.split('/').at(-1) ?? ''
}

function wantedFormat(c: Context): 'xml' | 'json' {
  const supports = ['application/xml', 'text/xml', 'application/json']
  return accepts(c, { header: 'Accept', supports, default: 'application/xml' }) === 'application/json' ? 'json' : 'xml'
}
