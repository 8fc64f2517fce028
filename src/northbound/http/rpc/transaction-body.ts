import { z } from '@hono/zod-openapi'
import { buildCommit, commitSchema } from '../../../operations/commit.js'
import { buildEdit, editSchema, exampleEdit } from '../../../operations/edit-config.js'
import { InvalidField } from '../../../operations/payload.js'
import type { TransactionRequest } from '../../../rpc/execute-transaction.js'

/** A transaction as a client asks for it. */
export const transactionSchema = z
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

/**
 * Reads what a client asks for.
 * @throws ZodError where it does not fit the schema, InvalidField for what the schema cannot say
 */
export function readTransaction(
  parameters: unknown,
  about: Pick<TransactionRequest, 'deviceId' | 'size' | 'timeout' | 'wait'>,
): TransactionRequest {
  const { target, lock, edits, validate, commit = {} } = transactionSchema.parse(parameters)
  if (commit.confirmed === true && commit.persist === undefined)
    throw new InvalidField(
      ['commit', 'persist'],
      'a confirmed commit without it is rolled back when this call, and its session, end',
    )
  return {
    ...about,
    ...(target === undefined ? {} : { target }),
    ...(lock === undefined ? {} : { lock }),
    edits: edits.map((edit, index) => buildEdit('candidate', edit, ['edits', index])),
    ...(validate === undefined ? {} : { validate }),
    commit: buildCommit(commit),
  }
}
