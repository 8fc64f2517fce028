import type { Operation } from '../access/authz/operation.js'
import { decide } from '../access/authz/operation-rule.js'
import type { Permission } from '../access/authz/permission.js'
import type { StreamedReply } from '../netconf/reply-sinks.js'
import { type CallDeadline, createCallDeadline } from './call-deadline.js'
import {
  badReply,
  type CallFailure,
  deviceTimeout,
  type Failed,
  failedWith,
  linkLost,
  notAuthorised,
  operationForbidden,
  outcomeUnknown,
  replyTooLarge,
  whyEnded,
} from './call-failure.js'
import { readReply } from './device-reply.js'
import type { Dispatcher } from './dispatcher.js'
import { judgeWhenAttached } from './judge-when-attached.js'
import { oneShotSession } from './one-shot-session.js'
import { auditRpc } from './audit-rpc.js'
import { ReplyStalled, ReplyTooLong } from './reply-content.js'
import { enterCall, type RpcParts } from './rpc-parts.js'
import type { RpcCaller, RpcRequest, RpcResult } from './rpc-request.js'
import { mayHaveEffect } from './session-policy.js'

/**
 * Carries out one request in this order: check rights, check rules, wait for the device, get a session that suits the
 * operation, send it, read the reply until it is known whether it holds errors. The device receives nothing of a
 * request that rights or rules forbid.
 */
export async function executeRpc(parts: RpcParts, request: RpcRequest, caller: RpcCaller): Promise<RpcResult> {
  const { deviceId, timeout } = request
  const judge = () => judgeRpc(parts, request, caller)
  const judged = await judgeWhenAttached({ fleet: parts.fleet, caller }, request, judge)
  if (!judged.ok) return failure(judged.failure)
  const entered = enterCall(parts, deviceId, caller.principal)
  if (!entered.ok) return failure(entered.failure)
  const audited = createRpcAudit(parts, request, caller)
  const ended = (outcome: string, bytes: number): void => {
    audited(outcome, bytes)
    entered.leave()
  }
  const deadline = createCallDeadline(caller.signal, timeout)
  try {
    const { written, policy } = request.operation
    const repeatable = !mayHaveEffect(policy)
    const asked = await judged.dispatcher.ask(written, { deadline, repeatable, span: caller.span })
    deadline.met()
    if (asked.ok) return await resultOf(asked.reply, request, ended)
    const told = toldFailure(asked.failure, request, deadline)
    // A request that was never sent does not count as an RPC.
    if (told.mayHaveHappened || told.cause === 'device-timeout' || told.cause === 'link-lost') audited('aborted', 0)
    entered.leave()
    return failure(told)
  } catch (thrown) {
    deadline.met()
    entered.leave()
    throw thrown
  }
}

/**
 * Whether rights, rules and sessions allow a request now, and where it is sent then. What a rule forbids is audited.
 */
export async function judgeRpc(
  parts: RpcParts,
  request: RpcRequest,
  caller: RpcCaller,
): Promise<{ readonly ok: true; readonly dispatcher: Dispatcher } | Failed> {
  const { deviceId, operation } = request
  const authorisation = await caller.authorise(deviceId)
  if (!authorisation.allowed) return failedWith(notAuthorised(authorisation.refusal))
  const { permission, account } = authorisation
  const decision = decide(permission.operations, operation.about)
  if (!decision.allowed) {
    createRpcAudit(parts, request, caller)('access-denied', 0)
    parts.denied()
    return failedWith(operationForbidden(caller.client.user, decision.reason))
  }
  if (operation.subscription)
    return failedWith({
      cause: 'needs-session',
      message: 'a subscription cannot be had as an RPC over HTTP',
      hint: 'GET /api/v1/devices/{id}/notifications answers with the notifications themselves',
    })
  return dispatcherFor(parts, request, { caller, permission, account })
}

/** Where an operation is sent that rights and rules allow. */
function dispatcherFor(
  { fleet, pool, perUser, sessions }: RpcParts,
  { deviceId, sessionId, operation: { policy } }: RpcRequest,
  {
    caller,
    permission: { roles },
    account,
  }: { readonly caller: RpcCaller; readonly permission: Permission; readonly account: string | undefined },
): { readonly ok: true; readonly dispatcher: Dispatcher } | Failed {
  if (sessionId !== undefined) {
    const found = sessions.find(caller.principal, deviceId, sessionId)
    return found.ok ? { ok: true, dispatcher: found.session } : found
  }
  if (policy.on === 'explicit-session')
    return failedWith({ cause: 'needs-session', message: policy.why, hint: policy.hint })
  if (policy.on === 'warm-session') {
    const ofUser = perUser(deviceId) ? { user: caller.principal } : {}
    return { ok: true, dispatcher: pool.at({ deviceId, roles, account, ...ofUser }) }
  }
  return { ok: true, dispatcher: oneShotSession({ fleet, deviceId, client: caller.client, account }) }
}

/** What came of a request whose reply has begun. */
async function resultOf(
  streamed: StreamedReply,
  request: RpcRequest,
  ended: (outcome: string, bytes: number) => void,
): Promise<RpcResult> {
  const { timeout: stallTimeout, maxReplySize: maxSize } = request
  try {
    const read = await readReply(streamed, { stallTimeout, maxSize, ended })
    if (read.kind === 'unreadable') return failure({ ...badReply(read.cause), mayHaveHappened: true })
    return read.kind === 'errors' ? { ...read, kind: 'rpc-error' } : { kind: 'reply', reply: read.reply }
  } catch (thrown) {
    streamed.body.destroy()
    const tooLong = thrown instanceof ReplyTooLong
    ended(tooLong ? 'unknown' : 'aborted', 0)
    return failure(tooLong ? { ...replyTooLarge(thrown), mayHaveHappened: true } : brokenOff(request, thrown))
  }
}

const failure = (why: CallFailure): RpcResult => ({ kind: 'failure', failure: why })

/** Tells the caller why the request failed. A session that was cancelled does not know who cancelled it, or why. */
function toldFailure(failed: CallFailure, { deviceId, operation }: RpcRequest, deadline: CallDeadline): CallFailure {
  const { cause, message, why = message } = failed
  const effect = mayHaveEffect(operation.policy)
  if (deadline.passed() && ['client-gone', 'outcome-unknown', 'link-lost'].includes(cause))
    return deviceTimeout(deviceId, deadline.timeout, effect && failed.mayHaveHappened === true)
  return cause === 'outcome-unknown' && !effect ? linkLost(deviceId, why) : failed
}

function brokenOff({ deviceId, operation, timeout }: RpcRequest, thrown: unknown): CallFailure {
  const effect = mayHaveEffect(operation.policy)
  if (thrown instanceof ReplyStalled) return deviceTimeout(deviceId, timeout, effect)
  const why = whyEnded(thrown, undefined)
  return effect ? outcomeUnknown(deviceId, why) : linkLost(deviceId, why)
}

/** Tells the audit log, and the trace, of a request: with what came of it, and the bytes that came. */
function createRpcAudit(
  { audit, sessions }: RpcParts,
  { deviceId, sessionId, operation, attributes, size }: RpcRequest,
  { principal, client, span }: RpcCaller,
): (outcome: string, bytes: number) => void {
  const began = performance.now()
  const { namespace, name, uses }: Operation = operation.about
  const [use] = uses
  const messageId = attributes.find((one) => one.name === 'message-id' && one.namespace === '')?.value
  // A caller may name any session; only one of theirs is written down.
  const own = sessionId !== undefined && sessions.find(principal, deviceId, sessionId).ok
  return (outcome, bytes) =>
    auditRpc(audit, span, {
      ...client,
      deviceId,
      operation: name,
      namespace,
      ...(own ? { sessionId } : {}),
      ...(messageId === undefined ? {} : { messageId }),
      ...(use === undefined ? {} : { datastore: use.datastore }),
      bytesFromClient: size,
      bytesFromDevice: bytes,
      durationSeconds: (performance.now() - began) / 1000,
      outcome,
    })
}
