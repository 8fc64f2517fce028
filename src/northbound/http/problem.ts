import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { PROBLEM_TYPES, type ProblemType, problemUri, type StatusOf } from './problem-types.js'

/** One `<rpc-error>` (RFC 6241 §4.3). */
export const rpcErrorSchema = z
  .object({
    type: z.string().openapi({ example: 'protocol' }),
    tag: z.string().openapi({ example: 'lock-denied' }),
    severity: z.string(),
    'app-tag': z.string().optional(),
    path: z.string().optional().openapi({ description: 'XPath' }),
    'path-namespaces': z.record(z.string(), z.string()).optional(),
    message: z.string().optional(),
    info: z.record(z.string(), z.unknown()).optional().openapi({ description: 'XML as JSON' }),
  })
  .openapi('RpcError')

/** What became of one operation of a transaction. */
export const stepSchema = z
  .object({
    operation: z.string().openapi({ example: 'edit-config' }),
    datastore: z.string().optional(),
    outcome: z.string().openapi({ description: '`ok`, `rpc-error`, or the end of the `type` of a problem' }),
    milliseconds: z.int(),
    'rpc-errors': z.array(rpcErrorSchema).optional().openapi({ description: 'errors, or warnings' }),
  })
  .openapi('TransactionStep')

/** A problem detail (RFC 9457), with what to do about it, and the fields at fault where a request is invalid. */
export const problemSchema = z
  .object({
    type: z.string().openapi({ example: 'urn:homeport:problem:unknown-device' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    hint: z.string().optional().openapi({ description: 'what to do about it' }),
    reason: z.string().optional().openapi({
      description: 'why there was no session, by the word of the log and the metrics, where it says more than `type`',
      example: 'account-refused',
    }),
    requestId: z.string().optional().openapi({ description: 'names the request in the log of the bridge' }),
    errors: z
      .array(
        z.object({
          pointer: z.string().openapi({ description: 'JSON pointer into the request body', example: '#/labels/site' }),
          detail: z.string(),
        }),
      )
      .optional(),
    'rpc-errors': z.array(rpcErrorSchema).optional().openapi({ description: 'what the device, or a rule, said' }),
    lastSeen: z.iso.datetime().nullable().optional().openapi({ description: 'of a device that is not connected' }),
    steps: z
      .array(stepSchema)
      .optional()
      .openapi({ description: 'of a transaction, up to the one that failed and what was undone' }),
  })
  .openapi('Problem')

export type Problem = z.infer<typeof problemSchema>

/** What a problem says besides its type. */
export interface ProblemWords {
  readonly message: string
  readonly hint?: string
  readonly errors?: { readonly pointer: string; readonly detail: string }[]
  /** Further headers of the answer, such as `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>
  readonly more?: Pick<Problem, 'rpc-errors' | 'lastSeen' | 'steps'>
  /** Why there was no session. */
  readonly reason?: string
  /** Seconds after which the same request may go well. */
  readonly retryAfter?: number
}

/** What something is answered to: a call, of which a Hono context has this, or a job, which was one. */
export interface Answered {
  /** Hono's own type of it knows no `requestId`. */
  readonly var: object & { readonly requestId?: string | undefined }
  readonly env?: { readonly outgoing?: { readonly destroy: () => unknown } | undefined } | undefined
}

/** Answers a request with a problem detail. */
export function answerProblem<Type extends ProblemType>(c: Context, type: Type, words: ProblemWords) {
  const status: StatusOf<Type> = PROBLEM_TYPES[type].status
  return c.json(failureOf(c, { type, status }, words), status, headersOf(words))
}

/** The same for what is no route's own answer, and may be a job's. */
export function problemResponse(to: Answered, type: ProblemType, words: ProblemWords): Response {
  const { status } = PROBLEM_TYPES[type]
  return Response.json(failureOf(to, { type, status }, words), { status, headers: headersOf(words) })
}

/** Answers with what the device said was wrong; its first error decides on the status. */
export function answerRpcErrors(to: Answered, status: ContentfulStatusCode, words: ProblemWords): Response {
  return Response.json(failureOf(to, { type: 'rpc-error', status }, words), { status, headers: headersOf(words) })
}

function failureOf(
  to: Answered,
  { type, status }: { readonly type: ProblemType; readonly status: number },
  { message, hint, reason, errors, more }: ProblemWords,
): Problem {
  const { requestId } = to.var
  return {
    type: problemUri(type),
    title: PROBLEM_TYPES[type].title,
    status,
    detail: message,
    ...(hint === undefined ? {} : { hint }),
    ...(reason === undefined || reason === type ? {} : { reason }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(errors === undefined ? {} : { errors }),
    ...more,
  }
}

function headersOf({ headers, retryAfter }: ProblemWords): Record<string, string> {
  return {
    ...headers,
    'Content-Type': 'application/problem+json',
    ...(retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) }),
  }
}

const content = { 'application/problem+json': { schema: problemSchema } }

/** What a route declares of the problems that it answers with; any other one is described by `default`. */
export function problemResponses<Type extends ProblemType>(...answered: readonly Type[]) {
  const described = new Map<number, Type[]>()
  for (const type of answered) {
    const { status } = PROBLEM_TYPES[type]
    described.set(status, [...(described.get(status) ?? []), type])
  }
  const responses = [...described].map(([status, those]) => [
    status,
    { description: those.map((type) => `\`${type}\``).join(', '), content },
  ])
  return { ...(Object.fromEntries(responses) as ProblemResponses<Type>), default: anyProblem }
}

type ProblemResponses<Type extends ProblemType> = Record<
  StatusOf<Type>,
  { readonly description: string; readonly content: typeof content }
>

const anyProblem = { description: 'any other problem', content }
