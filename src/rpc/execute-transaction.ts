import { operationOf } from '../access/authz/operation.js'
import { decide, type OperationPolicy } from '../access/authz/operation-rule.js'
import { operation } from '../netconf/rpc.js'
import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { childOf, element, type XmlElement } from '../netconf/xml/xml-tree.js'
import { createCallDeadline } from './call-deadline.js'
import {
  type CallFailure,
  clientGone,
  deviceTimeout,
  type Failed,
  failedWith,
  notAuthorised,
  operationForbidden,
} from './call-failure.js'
import { type DeviceSession, openDeviceSession } from './device-session.js'
import { auditRpc } from './audit-rpc.js'
import { judgeWhenAttached } from './judge-when-attached.js'
import { enterCall, type RpcParts } from './rpc-parts.js'
import type { RpcCaller } from './rpc-request.js'
import {
  runTransaction,
  transactionAbilities,
  type TransactionEnd,
  type TransactionPlan,
  type TransactionStep,
} from './transaction.js'

/**
 * Edits that are to be carried out together or not at all. Like an `RpcRequest` it is plain data; times are
 * milliseconds, sizes are bytes. What is absent is decided by what the device can do.
 */
export interface TransactionRequest {
  readonly deviceId: string
  readonly target?: TransactionPlan['target']
  /** Datastores to lock, in this order; absent for the target alone. */
  readonly lock?: readonly string[]
  /** `<edit-config>`s of any target: the transaction's own is put in its place. */
  readonly edits: readonly XmlElement[]
  readonly validate?: boolean
  /** `<commit>`, which a transaction on `running` does without. */
  readonly commit: XmlElement
  /** Of the request as the caller sent it, for the audit log. */
  readonly size: number
  /** Until the device gives a session, and for each step. */
  readonly timeout: number
  /** How long a device is waited for that is not connected. */
  readonly wait: number
}

/** What came of a transaction. */
export type TransactionResult =
  | { readonly kind: 'done'; readonly target: TransactionPlan['target']; readonly steps: readonly TransactionStep[] }
  /** A step failed; what was edited before it was taken back as far as `undone` says. */
  | {
      readonly kind: 'step-failed'
      readonly target: TransactionPlan['target']
      readonly steps: readonly TransactionStep[]
      readonly step: TransactionStep
      readonly why: string
      readonly undone: TransactionEnd['undone']
    }
  /** There was no step that failed: the bridge refused it, there was no session, or nobody waits any more. */
  | { readonly kind: 'failure'; readonly failure: CallFailure }

/**
 * Carries out a transaction: rights and rules, then the wait for the device, then a session of its own, then rules
 * again, now that the device has told what it can do, then step by step.
 */
export async function executeTransaction(
  parts: RpcParts,
  request: TransactionRequest,
  caller: RpcCaller,
): Promise<TransactionResult> {
  const { deviceId, timeout } = request
  const judge = () => judgeTransaction(parts, request, caller)
  const judged = await judgeWhenAttached({ fleet: parts.fleet, caller }, request, judge)
  if (!judged.ok) return failure(judged.failure)
  const entered = enterCall(parts, deviceId, caller.principal)
  if (!entered.ok) return failure(entered.failure)
  try {
    const deadline = createCallDeadline(caller.signal, timeout)
    const target = { fleet: parts.fleet, deviceId, client: caller.client, account: judged.account }
    const opening = await openDeviceSession(target, { signal: deadline.signal, span: caller.span })
    deadline.met()
    if (!opening.ok) {
      const late = opening.failure.cause === 'client-gone' && deadline.passed()
      return failure(late ? deviceTimeout(deviceId, timeout, false) : opening.failure)
    }
    try {
      return await runOn(parts, { session: opening.session, operations: judged.operations, request, caller })
    } finally {
      await opening.session.close()
    }
  } finally {
    entered.leave()
  }
}

/** A transaction that may be carried out: under these rules, and on this account where roles name one. */
interface JudgedTransaction {
  readonly ok: true
  readonly operations: OperationPolicy
  readonly account: string | undefined
}

/**
 * Whether rights and rules allow a transaction now, as far as it is known before the device has told what it can do.
 */
export async function judgeTransaction(
  { denied }: Pick<RpcParts, 'denied'>,
  request: TransactionRequest,
  { authorise, client }: RpcCaller,
): Promise<JudgedTransaction | Failed> {
  const authorisation = await authorise(request.deviceId)
  if (!authorisation.allowed) return failedWith(notAuthorised(authorisation.refusal))
  const { permission, account } = authorisation
  const { operations } = permission
  const { target, validate = false } = request
  const forbidden =
    target === undefined
      ? undefined
      : forbiddenIn(planOf(request, { target, validate, rollbackOnError: false }), operations)
  if (forbidden === undefined) return { ok: true, operations, account }
  denied()
  return failedWith(operationForbidden(client.user, forbidden))
}

/** Plans a transaction by what the device of a session can do, and runs it there. */
async function runOn(
  parts: Pick<RpcParts, 'audit' | 'denied'>,
  {
    session,
    operations,
    request,
    caller,
  }: {
    readonly session: DeviceSession
    readonly operations: OperationPolicy
    readonly request: TransactionRequest
    readonly caller: RpcCaller
  },
): Promise<TransactionResult> {
  const able = transactionAbilities(session.capabilities)
  const target = request.target ?? (able.candidate ? 'candidate' : 'running')
  const { validate = able.validate } = request
  const plan = planOf(request, { target, validate, rollbackOnError: able.rollbackOnError })
  const forbidden = forbiddenIn(plan, operations)
  if (forbidden !== undefined) {
    parts.denied()
    return failure(operationForbidden(caller.client.user, forbidden))
  }
  let edited = false
  const { steps, failed, undone } = await runTransaction(session, plan, {
    stallTimeout: request.timeout,
    clientGone: caller.signal,
    onStep: (step) => {
      edited ||= isEdit(step)
      auditStep(parts, step, { request, caller })
    },
  })
  if (failed === undefined) return { kind: 'done', target, steps }
  if (failed === 'client-gone') return failure({ ...clientGone, ...(edited ? { mayHaveHappened: true } : {}) })
  return { kind: 'step-failed', target, steps, ...failed, undone }
}

const failure = (why: CallFailure): TransactionResult => ({ kind: 'failure', failure: why })

/** Whether a transaction may have had an effect on the device. */
export function transactionMayHaveHappened(result: TransactionResult): boolean {
  return result.kind === 'failure' ? result.failure.mayHaveHappened === true : result.steps.some(isEdit)
}

function isEdit({ operation: sent, outcome }: TransactionStep): boolean {
  return sent.name === 'edit-config' && outcome !== 'invalid-request'
}

function planOf(
  request: TransactionRequest,
  { target, validate, rollbackOnError }: Pick<TransactionPlan, 'target' | 'validate'> & { rollbackOnError: boolean },
): TransactionPlan {
  const edits = request.edits.map((edit) => retargeted(edit, target, rollbackOnError && target === 'running'))
  const plan = { target, lock: request.lock ?? [target], edits, validate: validate && target === 'candidate' }
  return target === 'running' ? plan : { ...plan, commit: request.commit }
}

/** The same edit on another datastore. What cannot be discarded is rolled back by the device itself, where it can. */
function retargeted(edit: XmlElement, target: string, rollback: boolean): XmlElement {
  const children = edit.children.map((child) =>
    typeof child !== 'string' && child.name === 'target'
      ? element(NETCONF_NS, 'target', [element(NETCONF_NS, target)])
      : child,
  )
  if (!rollback || childOf(edit, NETCONF_NS, 'error-option') !== undefined) return { ...edit, children }
  const config = children.at(-1)
  const option = element(NETCONF_NS, 'error-option', 'rollback-on-error')
  return { ...edit, children: [...children.slice(0, -1), option, ...(config === undefined ? [] : [config])] }
}

/** Why a rule forbids a plan. Whoever may lock and edit may also undo it. */
function forbiddenIn(
  { lock, edits, validate, target, commit }: TransactionPlan,
  policy: OperationPolicy,
): string | undefined {
  const needed = [
    ...lock.map((name) => operation.lock(name)),
    ...edits,
    ...(validate ? [operation.validate(target)] : []),
    ...(commit === undefined ? [] : [commit]),
  ]
  for (const one of needed) {
    const decision = decide(policy, operationOf(one))
    if (!decision.allowed) return decision.reason
  }
  return undefined
}

function auditStep(
  { audit }: Pick<RpcParts, 'audit'>,
  step: TransactionStep,
  { request, caller }: { readonly request: TransactionRequest; readonly caller: RpcCaller },
): void {
  const { name, namespace, uses } = operationOf(step.operation)
  const [use] = uses
  auditRpc(audit, caller.span, {
    ...caller.client,
    deviceId: request.deviceId,
    operation: name,
    namespace,
    ...(use === undefined ? {} : { datastore: use.datastore }),
    // The whole call's, once: an edit is the part that is long.
    bytesFromClient: name === 'edit-config' ? request.size : 0,
    bytesFromDevice: step.bytes,
    durationSeconds: step.milliseconds / 1000,
    outcome: step.errors[0]?.tag ?? (step.outcome === 'ok' ? 'ok' : 'aborted'),
  })
}
