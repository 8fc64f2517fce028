import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { transactionMayHaveHappened } from '../../../../rpc/execute-transaction.js'
import { transactionJob } from '../../../../rpc/jobs/job-request.js'
import type { Api, ApiEnv, HttpServices } from '../../api.js'
import { becomesJob, queueCall } from '../../jobs/queue-calls.js'
import { needsOnDevice } from '../../middleware/require-scope.js'
import { stepSchema } from '../../problem.js'
import { answerFailure } from '../../rpc/answer-failure.js'
import { answerTransactionResult } from '../../rpc/answer-transaction.js'
import { largeJson } from '../../rpc/large-json.js'
import { InvalidField } from '../../../../operations/payload.js'
import { rpcCallerOf } from '../../rpc/rpc-caller.js'
import { timeoutOf, waitOf } from '../../rpc/timeout.js'
import { readTransaction, transactionSchema } from '../../rpc/transaction-body.js'
import { registerStreamingRoute, validBody } from '../../streaming-route.js'
import { deviceIdParameter } from '../devices/device-id.js'
import { asyncHeader, asyncQuery, queuedResponse } from '../jobs/queued.js'
import { answerInvalidField, idempotencyHeader, rpcProblems, timeoutQuery } from './operation-route.js'

const resultSchema = z
  .object({ target: z.enum(['candidate', 'running']), steps: z.array(stepSchema) })
  .openapi('TransactionResult')

const route = createRoute({
  method: 'post',
  path: '/api/v1/devices/{id}/transaction',
  ...needsOnDevice('rpc'),
  operationId: 'netconfTransaction',
  description:
    'Locks, edits, validates and commits on one session, and undoes all of it where a step fails. The ' +
    'answer, or the problem, has every step.',
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
    try {
      return await answerTransaction(c, services)
    } catch (thrown) {
      if (thrown instanceof InvalidField) return answerInvalidField(c, thrown)
      throw thrown
    }
  })
}

/**
 * Reads what is asked for, has it carried out, and answers with what came of it.
 * @throws InvalidField
 */
async function answerTransaction(c: Context<ApiEnv>, services: HttpServices): Promise<Response> {
  const limits = services.rpc.limits()
  const timeout = timeoutOf(c, limits)
  if (!timeout.ok) return timeout.response
  const wait = waitOf(c, limits)
  if (!wait.ok) return wait.response
  const deviceId = c.req.param('id') ?? ''
  const body = await c.req.text()
  const request = readTransaction(validBody(c), {
    deviceId,
    size: body.length,
    timeout: timeout.milliseconds,
    wait: wait.milliseconds,
  })
  if (becomesJob(c)) return queueCall(c, services, { request: transactionJob(request), body })
  const caller = rpcCallerOf(c)
  const act = async (): Promise<{ readonly response: Response; readonly happened: boolean }> => {
    const result = await services.rpc.transact(request, caller)
    return {
      response: await answerTransactionResult(c, services, { request, result }),
      happened: transactionMayHaveHappened(result),
    }
  }
  const refuse = async (): Promise<Response | undefined> => {
    const refused = await services.rpc.transactionRefusalOf(request, caller)
    return refused && answerFailure(c, services, { deviceId, failure: refused.failure })
  }
  return services.idempotency.once(c, { deviceId, body, refuse }, act)
}
