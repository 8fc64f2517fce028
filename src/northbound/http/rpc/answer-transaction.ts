import { operationOf } from '../../../access/authz/operation.js'
import { describeRpcError } from '../../../netconf/rpc-error.js'
import { deviceTimeout, outcomeUnknown } from '../../../rpc/call-failure.js'
import type { TransactionRequest, TransactionResult } from '../../../rpc/execute-transaction.js'
import type { TransactionStep } from '../../../rpc/transaction.js'
import type { HttpServices } from '../api.js'
import { type Answered, answerRpcErrors, type Problem, type ProblemWords, problemResponse } from '../problem.js'
import { answerFailure } from './answer-failure.js'
import { statusOf, toRpcErrorView } from './shown-rpc-error.js'

type StepFailed = Extract<TransactionResult, { readonly kind: 'step-failed' }>

/** The answer for what came of a transaction. */
export function answerTransactionResult(
  to: Answered,
  services: Pick<HttpServices, 'fleet' | 'enrolments'>,
  { request, result }: { readonly request: TransactionRequest; readonly result: TransactionResult },
): Response | Promise<Response> {
  if (result.kind === 'failure')
    return answerFailure(to, services, { deviceId: request.deviceId, failure: result.failure })
  if (result.kind === 'step-failed') return answerFailedStep(to, request, result)
  return Response.json({ target: result.target, steps: result.steps.map(toStepView) })
}

function answerFailedStep(
  to: Answered,
  { deviceId, timeout }: Pick<TransactionRequest, 'deviceId' | 'timeout'>,
  failed: StepFailed,
): Response {
  const { step, why, target, undone } = failed
  const [first] = step.errors
  const said = first === undefined ? why : describeRpcError(first)
  const more: Pick<Problem, 'rpc-errors' | 'steps'> = { steps: failed.steps.map(toStepView) }
  const words: ProblemWords = { message: `${step.operation.name} failed: ${said}; ${consequence(failed)}`, more }
  if (step.outcome === 'rpc-error') {
    const hint = undone === 'no' ? { hint: 'look at the device (get-config) before you send it again' } : {}
    const errors = { 'rpc-errors': step.errors.map(toRpcErrorView) }
    return answerRpcErrors(to, statusOf(step.errors), { ...words, ...hint, more: { ...more, ...errors } })
  }
  if (step.outcome === 'invalid-request' || step.outcome === 'bad-reply')
    return problemResponse(to, step.outcome, words)
  // What was committed, or edited in running, may have had its effect.
  const mayHaveEffect = step.operation.name === 'commit' || target === 'running'
  if (step.outcome === 'device-timeout')
    return problemResponse(to, 'device-timeout', {
      ...words,
      hint: deviceTimeout(deviceId, timeout, mayHaveEffect).hint,
    })
  return mayHaveEffect
    ? problemResponse(to, 'outcome-unknown', { ...words, hint: outcomeUnknown(deviceId, why).hint })
    : problemResponse(to, 'link-lost', {
        ...words,
        hint: 'nothing was committed; send it again once the device is connected',
      })
}

function consequence({ undone, step, target }: StepFailed): string {
  if (undone === 'not-needed') return 'nothing was changed'
  if (undone === 'yes') return 'what was edited was discarded and unlocked'
  if (step.operation.name === 'commit' && step.outcome !== 'rpc-error') return 'whether it was committed is not known'
  return target === 'running'
    ? 'edits before it are in the running configuration'
    : 'nothing was committed; the device discards and unlocks as it ends the session'
}

function toStepView({ operation: sent, outcome, milliseconds, errors, warnings }: TransactionStep) {
  const { name, uses } = operationOf(sent)
  const reported = [...errors, ...warnings]
  return {
    operation: name,
    ...(uses[0] === undefined ? {} : { datastore: uses[0].datastore }),
    outcome,
    milliseconds,
    ...(reported.length === 0 ? {} : { 'rpc-errors': reported.map(toRpcErrorView) }),
  }
}
