import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { operationOf } from '../../../../access/authz/operation.js'
import { decide, type OperationPolicy } from '../../../../access/authz/operation-rule.js'
import { NETCONF_NS } from '../../../../netconf/xml/namespaces.js'
import { operation } from '../../../../netconf/rpc.js'
import { describeRpcError } from '../../../../netconf/rpc-error.js'
import { childOf, element, type XmlElement } from '../../../../netconf/xml/xml-tree.js'
import type { Api, ApiEnv, HttpServices } from '../../api.js'
import { asyncHeader, asyncQuery, queuedResponse } from '../jobs/queued.js'
import { answerProblem, answerRpcErrors, type Problem, stepSchema } from '../../problem.js'
import { needsOnDevice } from '../../middleware/require-scope.js'
import { answerFailure, answerForbidden, answerRefused } from '../../rpc/answer-failure.js'
import { clientOf } from '../../rpc/rpc-caller.js'
import { createCallDeadline } from '../../../../rpc/call-deadline.js'
import { deviceTimeout, outcomeUnknown } from '../../../../rpc/call-failure.js'
import { type DeviceSession, openDeviceSession } from '../../../../rpc/device-session.js'
import { largeJson } from '../../rpc/large-json.js'
import { InvalidField } from '../../rpc/payload.js'
import { recordRpc } from '../../../../rpc/record-rpc.js'
import { toRpcErrorView, statusOf } from '../../rpc/shown-rpc-error.js'
import { timeoutOf, waitOf } from '../../rpc/timeout.js'
import {
  runTransaction,
  transactionAbilities,
  type TransactionEnd,
  type TransactionPlan,
  type TransactionStep,
} from '../../../../rpc/transaction.js'
import { registerStreamingRoute, validBody } from '../../streaming-route.js'
import { deviceIdParameter } from '../devices/device-id.js'
import { buildCommit, commitSchema } from './commit.js'
import { buildEdit, editSchema, exampleEdit } from './edit-config.js'
import { answerInvalidField, idempotencyHeader, rpcProblems, timeoutQuery } from './operation-route.js'

const transactionSchema = z
  .strictObject({
    target: z
      .enum(['candidate', 'running'])
      .optional()
      .openapi({ description: '`candidate` where the device has one, unless it is given' }),
    lock: z
      .array(z.enum(['running', 'candidate', 'startup']))
      .optional()
      .openapi({ description: 'what to lock, in this order; the target unless it is given' }),
    edits: z.array(editSchema).min(1).max(1000),
    validate: z.boolean().optional().openapi({ description: 'where the device can, unless it is given' }),
    commit: commitSchema.optional(),
  })
  .openapi('Transaction', { example: { edits: [exampleEdit] } })

type Wanted = z.output<typeof transactionSchema>

const resultSchema = z
  .object({ target: z.enum(['candidate', 'running']), steps: z.array(stepSchema) })
  .openapi('TransactionResult')

const route = createRoute({
  method: 'post',
  path: '/api/v1/devices/{id}/transaction',
  ...needsOnDevice('rpc'),
  operationId: 'netconfTransaction',
  tags: ['operations'],
  summary: 'Lock, edit, validate, commit and unlock in one call; discard and unlock when a step fails',
  request: {
    params: deviceIdParameter,
    query: timeoutQuery.extend(asyncQuery.shape),
    headers: idempotencyHeader.extend(asyncHeader.shape),
    body: { required: true, content: { 'application/json': { schema: transactionSchema } } },
  },
  responses: {
    200: { description: 'all of it was done', content: { 'application/json': { schema: resultSchema } } },
    ...queuedResponse,
    ...rpcProblems,
  },
})

export function registerTransaction(api: Api, services: HttpServices): void {
  registerStreamingRoute(api, { ...route, middleware: [route.middleware, largeJson(services)] }, async (c) => {
    const wanted = transactionSchema.parse(validBody(c))
    const body = await c.req.text()
    try {
      const edits = wanted.edits.map((edit, index) => buildEdit('candidate', edit, ['edits', index]))
      return await transact(c, services, { ...wanted, built: edits }, body)
    } catch (thrown) {
      if (thrown instanceof InvalidField) return answerInvalidField(c, thrown)
      throw thrown
    }
  })
}

type Asked = Wanted & { readonly built: readonly XmlElement[] }

async function transact(c: Context<ApiEnv>, services: HttpServices, asked: Asked, body: string): Promise<Response> {
  const deviceId = c.req.param('id') ?? ''
  const authorisation = await c.var.caller.authorise(deviceId)
  if (!authorisation.allowed) return answerRefused(c, authorisation.refusal)
  let { operations } = authorisation.permission
  if (asked.commit?.confirmed === true && asked.commit.persist === undefined)
    throw new InvalidField(
      ['commit', 'persist'],
      'a confirmed commit without it is rolled back when this call, and its session, end',
    )
  // Where only the device can tell its target, this is asked again once it has.
  const likely = planOf(asked, asked.target ?? 'candidate', asked.validate ?? false, false)
  const forbidden = asked.target === undefined ? undefined : forbiddenIn(likely, operations)
  if (forbidden !== undefined) return answerForbidden(c, services, forbidden)
  const timeout = timeoutOf(c, services.rpc.limits())
  if (!timeout.ok) return timeout.response
  const wait = waitOf(c, services.rpc.limits())
  if (!wait.ok) return wait.response
  if (wait.milliseconds > 0) {
    await services.fleet.whenAttached(deviceId, wait.milliseconds, c.req.raw.signal)
    // Minutes later the caller may have no right to it any more.
    const still = await c.var.caller.authorise(deviceId)
    if (!still.allowed) return answerRefused(c, still.refusal)
    ;({ operations } = still.permission)
  }
  // Rights and rules were asked just now.
  const refuse = async (): Promise<undefined> => undefined
  return services.idempotency.once(c, { deviceId, body, refuse }, async () => {
    let happened = false
    const response = await withSession(c, services, deviceId, timeout.milliseconds, async (session) => {
      const able = transactionAbilities(session.capabilities)
      const target = asked.target ?? (able.candidate ? 'candidate' : 'running')
      const plan = planOf(asked, target, asked.validate ?? able.validate, able.rollbackOnError)
      const refused = forbiddenIn(plan, operations)
      if (refused !== undefined) return answerForbidden(c, services, refused)
      const end = await runTransaction(session, plan, {
        stallTimeout: timeout.milliseconds,
        clientGone: c.req.raw.signal,
        onStep: (step) => {
          happened ||= step.operation.name === 'edit-config' && step.outcome !== 'invalid-request'
          record(c, services, deviceId, step, body.length)
        },
      })
      return answerEnd(c, services, deviceId, plan, end, timeout.milliseconds)
    })
    return { response, happened }
  })
}

async function withSession(
  c: Context<ApiEnv>,
  services: HttpServices,
  deviceId: string,
  timeout: number,
  work: (session: DeviceSession) => Promise<Response>,
): Promise<Response> {
  const unrecorded = services.rpc.audit.refusal()
  if (unrecorded !== undefined) return answerProblem(c, unrecorded.reason, unrecorded)
  const entered = services.rpc.gate.enter(deviceId, c.get('caller').principal)
  if (!entered.ok) return answerFailure(c, services, deviceId, entered.failure)
  try {
    const deadline = createCallDeadline(c.req.raw.signal, timeout)
    const opening = await openDeviceSession(services.fleet, deviceId, clientOf(c), deadline.signal, {
      span: c.var.span,
    })
    deadline.met()
    if (!opening.ok) {
      const late = opening.failure.cause === 'client-gone' && deadline.passed()
      return await answerFailure(
        c,
        services,
        deviceId,
        late ? deviceTimeout(deviceId, timeout, false) : opening.failure,
      )
    }
    try {
      return await work(opening.session)
    } finally {
      await opening.session.close()
    }
  } finally {
    entered.leave()
  }
}

function planOf(
  asked: Asked,
  target: TransactionPlan['target'],
  validate: boolean,
  rollbackOnError: boolean,
): TransactionPlan {
  const edits = asked.built.map((edit) => retargeted(edit, target, rollbackOnError && target === 'running'))
  const plan = { target, lock: asked.lock ?? [target], edits, validate: validate && target === 'candidate' }
  return target === 'running' ? plan : { ...plan, commit: buildCommit(asked.commit ?? {}) }
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

function answerEnd(
  c: Context<ApiEnv>,
  services: HttpServices,
  deviceId: string,
  { target }: TransactionPlan,
  end: TransactionEnd,
  timeout: number,
): Response | Promise<Response> {
  const steps = end.steps.map(toStepView)
  if (end.failed === undefined) return c.json({ target, steps })
  if (end.failed === 'client-gone')
    return answerFailure(c, services, deviceId, { cause: 'client-gone', message: '', hint: '' })
  const { step, why } = end.failed
  const [first] = step.errors
  const said = first === undefined ? why : describeRpcError(first)
  const message = `${step.operation.name} failed: ${said}; ${consequence(end, target)}`
  const more: Pick<Problem, 'rpc-errors' | 'steps'> = { steps, 'rpc-errors': step.errors.map(toRpcErrorView) }
  const hint = end.undone === 'no' ? 'look at the device (get-config) before you send it again' : undefined
  if (step.outcome === 'rpc-error')
    return answerRpcErrors(c, statusOf(step.errors), { message, more, ...(hint === undefined ? {} : { hint }) })
  if (step.outcome === 'invalid-request') return answerProblem(c, 'invalid-request', { message, more: { steps } })
  if (step.outcome === 'bad-reply') return answerProblem(c, 'bad-reply', { message, more: { steps } })
  const committing = step.operation.name === 'commit' || target === 'running'
  const { cause, hint: advice } =
    step.outcome === 'device-timeout'
      ? deviceTimeout(deviceId, timeout, committing)
      : committing
        ? outcomeUnknown(deviceId, why)
        : { cause: 'link-lost' as const, hint: 'nothing was committed; send it again once the device is connected' }
  return cause === 'device-timeout' || cause === 'outcome-unknown' || cause === 'link-lost'
    ? answerProblem(c, cause, { message, hint: advice, more: { steps } })
    : answerProblem(c, 'internal-error', { message })
}

function consequence({ undone, failed }: TransactionEnd, target: string): string {
  if (undone === 'not-needed') return 'nothing was changed'
  if (undone === 'yes') return 'what was edited was discarded and unlocked'
  if (typeof failed === 'object' && failed.step.operation.name === 'commit' && failed.step.outcome !== 'rpc-error')
    return 'whether it was committed is not known'
  return target === 'running'
    ? 'edits before it are in the running configuration'
    : 'nothing was committed; the device discards and unlocks as it ends the session'
}

function toStepView({ operation: sent, outcome, milliseconds, errors, warnings }: TransactionStep) {
  const { name, uses } = operationOf(sent)
  const told = [...errors, ...warnings]
  return {
    operation: name,
    ...(uses[0] === undefined ? {} : { datastore: uses[0].datastore }),
    outcome,
    milliseconds,
    ...(told.length === 0 ? {} : { 'rpc-errors': told.map(toRpcErrorView) }),
  }
}

function record(
  c: Context<ApiEnv>,
  services: HttpServices,
  deviceId: string,
  step: TransactionStep,
  bytes: number,
): void {
  const { name, namespace, uses } = operationOf(step.operation)
  recordRpc(services.rpc.audit, c.var.span, {
    ...clientOf(c),
    deviceId,
    operation: name,
    namespace,
    ...(uses[0] === undefined ? {} : { datastore: uses[0].datastore }),
    // The whole call's, once: an edit is the part that is long.
    bytesFromClient: name === 'edit-config' ? bytes : 0,
    bytesFromDevice: step.bytes,
    durationSeconds: step.milliseconds / 1000,
    outcome: step.errors[0]?.tag ?? (step.outcome === 'ok' ? 'ok' : 'aborted'),
  })
}
