import type { Context } from 'hono'
import { accepts } from 'hono/accepts'
import type { Operation } from '../../../access/authz/operation.js'
import { decide } from '../../../access/authz/operation-rule.js'
import type { Permission } from '../../../access/authz/permission.js'
import type { SessionClient } from '../../../fleet/session-client.js'
import type { StreamedReply } from '../../../netconf/reply-sinks.js'
import type { XmlAttribute } from '../../../netconf/xml/xml-tree.js'
import type { ApiEnv, HttpServices } from '../api.js'
import { answerProblem } from '../problem.js'
import { answerFailure, answerForbidden, answerRefused } from './answer-failure.js'
import { answerReply, type ReplyFormat } from './answer-reply.js'
import { type CallDeadline, createCallDeadline } from '../../../rpc/call-deadline.js'
import {
  type CallFailure,
  deviceTimeout,
  type Failed,
  linkLost,
  outcomeUnknown,
  whyEnded,
} from '../../../rpc/call-failure.js'
import type { HeldClientSession } from '../../../rpc/client-sessions.js'
import type { SessionPolicy } from '../../../rpc/session-policy.js'
import { askOnOneShotSession } from '../../../rpc/one-shot-session.js'
import type { PreparedOperation } from './prepared-operation.js'
import { recordRpc } from './record-rpc.js'
import { ReplyStalled } from './reply-content.js'
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

type Answer = { readonly ok: true; readonly reply: StreamedReply } | Failed

/**
 * Carries out one RPC: rights, then rules, then a session that suits the operation, then the reply as it comes.
 * Nothing reaches the device before rights and rules allow it.
 */
export async function answerRpc(c: Context<ApiEnv>, services: HttpServices, call: RpcCall): Promise<Response> {
  const { deviceId } = call
  const { about, subscription } = call.prepared
  const caller = c.get('caller')
  const authorisation = await caller.authorise(deviceId)
  if (!authorisation.allowed) return answerRefused(c, authorisation.refusal)
  const { permission } = authorisation
  const decision = decide(permission.operations, about)
  if (!decision.allowed) {
    recorded(c, services, call, about)('access-denied', 0)
    return answerForbidden(c, services, decision.reason)
  }
  if (subscription)
    return answerProblem(c, 'needs-session', {
      message: 'a subscription cannot be had as an RPC over HTTP',
      hint: 'GET /api/v1/devices/{id}/notifications answers with the notifications themselves',
    })
  const place = placeOf(c, services, call, permission)
  if (place.kind === 'answer') return place.response
  const timeout = timeoutOf(c, services.rpc.limits())
  if (!timeout.ok) return timeout.response
  const wait = waitOf(c, services.rpc.limits())
  if (!wait.ok) return wait.response
  if (wait.milliseconds > 0) {
    await services.fleet.whenAttached(deviceId, wait.milliseconds, c.req.raw.signal)
    // Minutes later the caller may have no right to it any more.
    const still = await caller.authorise(deviceId)
    if (!still.allowed) return answerRefused(c, still.refusal)
    const then = decide(still.permission.operations, about)
    if (!then.allowed) return answerForbidden(c, services, then.reason)
  }
  const act = async (): Promise<{ readonly response: Response; readonly happened: boolean }> => {
    let happened = true
    const response = await carryOut(c, services, call, place, timeout.milliseconds, ({ mayHaveHappened = false }) => {
      happened = mayHaveHappened
    })
    return { response, happened }
  }
  // What has no effect may be carried out again.
  return place.mayHaveEffect ? services.rpc.answers.once(c, deviceId, call.body, act) : (await act()).response
}

/** Where an operation runs. */
type Place =
  | {
      readonly kind: 'place'
      readonly mayHaveEffect: boolean
      readonly ask: (deadline: CallDeadline) => Promise<Answer>
    }
  | { readonly kind: 'answer'; readonly response: Response }

function placeOf(c: Context<ApiEnv>, services: HttpServices, call: RpcCall, { roles }: Permission): Place {
  const { deviceId, sessionId } = call
  const { policy, written } = call.prepared
  if (sessionId !== undefined) {
    const found = findSession(c, services, deviceId, sessionId)
    if ('response' in found) return { kind: 'answer', response: found.response }
    const { sessions } = services.rpc
    return {
      kind: 'place',
      mayHaveEffect: !repeatable(policy),
      ask: (deadline) => sessions.ask(found.session, written, deadline),
    }
  }
  if (policy.on === 'explicit-session')
    return {
      kind: 'answer',
      response: answerProblem(c, 'needs-session', { message: policy.why, hint: policy.hint }),
    }
  if (policy.on === 'warm-session')
    return {
      kind: 'place',
      mayHaveEffect: !policy.repeatable,
      ask: ({ signal }) =>
        services.rpc.pool.ask({ deviceId, roles }, written, {
          repeatable: policy.repeatable,
          signal,
          span: c.var.span,
        }),
    }
  return {
    kind: 'place',
    mayHaveEffect: true,
    ask: (deadline) => askOnOneShotSession(services.fleet, deviceId, clientOf(c), written, deadline, c.var.span),
  }
}

async function carryOut(
  c: Context<ApiEnv>,
  services: HttpServices,
  call: RpcCall,
  place: Extract<Place, { kind: 'place' }>,
  timeout: number,
  onFailure: (failure: CallFailure) => void,
): Promise<Response> {
  const { deviceId } = call
  const { rpc } = services
  const fail = (failure: CallFailure): Promise<Response> => {
    onFailure(failure)
    return answerFailure(c, services, deviceId, failure)
  }
  const unrecorded = rpc.record.refusal()
  if (unrecorded !== undefined) {
    onFailure({ cause: 'shutting-down', ...unrecorded })
    return answerProblem(c, unrecorded.reason, unrecorded)
  }
  const entered = rpc.gate.enter(deviceId, c.get('caller').principal)
  if (!entered.ok) return fail(entered.failure)
  const done = recorded(c, services, call, call.prepared.about)
  const deadline = createCallDeadline(c.req.raw.signal, timeout)
  try {
    const asked = await place.ask(deadline)
    deadline.met()
    if (!asked.ok) {
      const told = toldFailure(asked.failure, place, deadline, deviceId)
      // What was not sent is no RPC.
      if (told.mayHaveHappened || told.cause === 'device-timeout' || told.cause === 'link-lost') done('aborted', 0)
      entered.leave()
      return await fail(told)
    }
    return await answerReply(c, asked.reply, {
      format: call.format ?? wantedFormat(c),
      requestAttributes: call.attributes,
      stallTimeout: timeout,
      maxJsonSize: rpc.limits().maxJsonReplySize,
      conversions: rpc.conversions,
      brokenOff: (thrown) => fail(brokenOff(deviceId, thrown, timeout, place.mayHaveEffect)),
      done: (outcome, bytes) => {
        done(outcome, bytes)
        entered.leave()
      },
    })
  } catch (thrown) {
    deadline.met()
    entered.leave()
    throw thrown
  }
}

/** What a failure is to the client: sessions do not know why they were told to give up, or whether it matters. */
function toldFailure(
  failure: CallFailure,
  { mayHaveEffect }: Extract<Place, { kind: 'place' }>,
  deadline: CallDeadline,
  deviceId: string,
): CallFailure {
  const { cause, message } = failure
  if (deadline.passed() && ['client-gone', 'outcome-unknown', 'link-lost'].includes(cause))
    return deviceTimeout(deviceId, deadline.timeout, mayHaveEffect && failure.mayHaveHappened === true)
  return cause === 'outcome-unknown' && !mayHaveEffect ? linkLost(deviceId, message) : failure
}

function brokenOff(deviceId: string, thrown: unknown, timeout: number, mayHaveEffect: boolean): CallFailure {
  if (thrown instanceof ReplyStalled) return deviceTimeout(deviceId, timeout, mayHaveEffect)
  const why = whyEnded(thrown, undefined)
  return mayHaveEffect ? outcomeUnknown(deviceId, why) : linkLost(deviceId, why)
}

/** Finds the client's session, or says why there is none. */
export function findSession(
  c: Context<ApiEnv>,
  services: HttpServices,
  deviceId: string,
  sessionId: string,
): { readonly session: HeldClientSession } | { readonly response: Response } {
  const found = services.rpc.sessions.find(c.get('caller').principal, deviceId, sessionId)
  if (found.state === 'open') return found
  if (found.state === 'ended') return { response: answerProblem(c, 'session-ended', found.failure) }
  return {
    response: answerProblem(c, 'unknown-session', {
      message: `no session ${JSON.stringify(sessionId)} of yours is open on this device`,
      hint: 'POST /api/v1/devices/{id}/sessions opens one',
    }),
  }
}

export function clientOf(c: Context<ApiEnv>): SessionClient {
  const caller = c.get('caller')
  return { user: caller.user, source: caller.source, via: 'http' }
}

export function wantedFormat(c: Context): 'xml' | 'json' {
  const supports = ['application/xml', 'text/xml', 'application/json']
  return accepts(c, { header: 'Accept', supports, default: 'application/xml' }) === 'application/json' ? 'json' : 'xml'
}

function repeatable(policy: SessionPolicy): boolean {
  return policy.on === 'warm-session' && policy.repeatable
}

/** Tells the audit log of a call, once. */
function recorded(
  c: Context<ApiEnv>,
  services: HttpServices,
  { deviceId, sessionId, attributes, body }: RpcCall,
  { namespace, name, uses: [use] }: Operation,
): (outcome: string, bytes: number) => void {
  const began = performance.now()
  const messageId = attributes.find((one) => one.name === 'message-id' && one.namespace === '')?.value
  // A caller may name any session; only one of theirs is written down.
  const own = sessionId !== undefined && 'session' in findSession(c, services, deviceId, sessionId)
  return (outcome, bytes) =>
    recordRpc(c, services, {
      ...clientOf(c),
      deviceId,
      operation: name,
      namespace,
      ...(own ? { sessionId } : {}),
      ...(messageId === undefined ? {} : { messageId }),
      ...(use === undefined ? {} : { datastore: use.datastore }),
      bytesFromClient: body.length,
      bytesFromDevice: bytes,
      durationSeconds: (performance.now() - began) / 1000,
      outcome,
    })
}
