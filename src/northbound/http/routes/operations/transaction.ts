import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { type TransactionRequest, transactionMayHaveHappened } from '../../../../rpc/execute-transaction.js'
import type { Api, ApiEnv, HttpServices } from '../../api.js'
import { needsOnDevice } from '../../middleware/require-scope.js'
import { stepSchema } from '../../problem.js'
import { answerFailure } from '../../rpc/answer-failure.js'
import { answerTransactionResult } from '../../rpc/answer-transaction.js'
import { largeJson } from '../../rpc/large-json.js'
import { InvalidField } from '../../../../operations/payload.js'
import { rpcCallerOf } from '../../rpc/rpc-caller.js'
import { timeoutOf, waitOf } from '../../rpc/timeout.js'
import { registerStreamingRoute, validBody } from '../../streaming-route.js'
import { deviceIdParameter } from '../devices/device-id.js'
import { asyncHeader, asyncQuery, queuedResponse } from '../jobs/queued.js'
import { buildCommit, commitSchema } from '../../../../operations/commit.js'
import { buildEdit, editSchema, exampleEdit } from '../../../../operations/edit-config.js'
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
    try {
      return await answerTransaction(c, services, transactionSchema.parse(validBody(c)))
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
async function answerTransaction(
  c: Context<ApiEnv>,
  services: HttpServices,
  wanted: z.output<typeof transactionSchema>,
): Promise<Response> {
  const body = await c.req.text()
  const read = readTransaction(c, services, wanted, body)
  if (!read.ok) return read.response
  const { request } = read
  const caller = rpcCallerOf(c)
  const act = async (): Promise<{ readonly response: Response; readonly happened: boolean }> => {
    const result = await services.rpc.transact(request, caller)
    return {
      response: await answerTransactionResult(c, services, request, result),
      happened: transactionMayHaveHappened(result),
    }
  }
  const refuse = async (): Promise<Response | undefined> => {
    const refused = await services.rpc.transactionRefusalOf(request, caller)
    return refused && answerFailure(c, services, request.deviceId, refused.failure)
  }
  return services.idempotency.once(c, { deviceId: request.deviceId, body, refuse }, act)
}

/** @throws InvalidField */
function readTransaction(
  c: Context,
  { rpc }: Pick<HttpServices, 'rpc'>,
  { target, lock, edits, validate, commit = {} }: z.output<typeof transactionSchema>,
  body: string,
): { readonly ok: true; readonly request: TransactionRequest } | { readonly ok: false; readonly response: Response } {
  if (commit.confirmed === true && commit.persist === undefined)
    throw new InvalidField(
      ['commit', 'persist'],
      'a confirmed commit without it is rolled back when this call, and its session, end',
    )
  const timeout = timeoutOf(c, rpc.limits())
  if (!timeout.ok) return timeout
  const wait = waitOf(c, rpc.limits())
  if (!wait.ok) return wait
  const request: TransactionRequest = {
    deviceId: c.req.param('id') ?? '',
    ...(target === undefined ? {} : { target }),
    ...(lock === undefined ? {} : { lock }),
    edits: edits.map((edit, index) => buildEdit('candidate', edit, ['edits', index])),
    ...(validate === undefined ? {} : { validate }),
    commit: buildCommit(commit),
    size: body.length,
    timeout: timeout.milliseconds,
    wait: wait.milliseconds,
  }
  return { ok: true, request }
}
