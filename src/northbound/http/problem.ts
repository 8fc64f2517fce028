import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** The stable words for what goes wrong: the end of a problem's `type`, with its status and title. */
const causes = {
  'body-cut-off': { status: 400, title: 'The body was cut off' },
  'malformed-json': { status: 400, title: 'Malformed JSON' },
  'malformed-xml': { status: 400, title: 'Malformed XML' },
  'not-authenticated': { status: 401, title: 'Not authenticated' },
  'wrong-password': { status: 401, title: 'Wrong user or password' },
  'invalid-token': { status: 401, title: 'Invalid token' },
  'expired-token': { status: 401, title: 'Expired token' },
  'revoked-token': { status: 401, title: 'Revoked token' },
  'insecure-transport': { status: 403, title: 'Insecure transport' },
  'foreign-origin': { status: 403, title: 'Foreign origin' },
  'out-of-scope': { status: 403, title: 'Out of scope' },
  'no-rights': { status: 403, title: 'No rights on the device' },
  'credentials-not-allowed': { status: 403, title: 'Credentials not allowed' },
  'not-for-others': { status: 403, title: 'Not for others' },
  'operation-forbidden': { status: 403, title: 'Operation forbidden' },
  'unknown-path': { status: 404, title: 'Unknown path' },
  'unknown-device': { status: 404, title: 'Unknown device' },
  'unknown-job': { status: 404, title: 'Unknown job' },
  'unknown-session': { status: 404, title: 'Unknown session' },
  'unknown-token': { status: 404, title: 'Unknown token' },
  'nothing-presented': { status: 409, title: 'The device has presented no key' },
  'fingerprint-mismatch': { status: 409, title: 'The device has presented another key' },
  'decided-by-configuration': { status: 409, title: 'The configuration decides for this device' },
  'already-known': { status: 409, title: 'The device is known already' },
  'too-many-tokens': { status: 409, title: 'Too many tokens' },
  'job-running': { status: 409, title: 'The job runs' },
  'needs-session': { status: 409, title: 'The operation needs a session' },
  'idempotency-key-in-use': { status: 409, title: 'The first request with this key is under way' },
  'answer-not-kept': { status: 409, title: 'The request was carried out already' },
  'session-ended': { status: 410, title: 'The session has ended' },
  'body-too-large': { status: 413, title: 'Body too large' },
  'reply-too-large': { status: 413, title: 'The reply is too large for JSON' },
  'unsupported-media-type': { status: 415, title: 'Unsupported media type' },
  // RFC 9110 §15.5.20: this server does not answer for that name.
  'unknown-host': { status: 421, title: 'Unknown host name' },
  'invalid-request': { status: 422, title: 'Invalid request' },
  'unknown-user': { status: 422, title: 'Unknown user' },
  'idempotency-key-reused': { status: 422, title: 'The key belongs to another request' },
  'too-many-jobs': { status: 429, title: 'Too many jobs' },
  'too-many-attempts': { status: 429, title: 'Too many attempts' },
  'too-many-calls': { status: 429, title: 'Too many calls' },
  'too-many-sessions': { status: 429, title: 'Too many sessions' },
  'internal-error': { status: 500, title: 'Internal error' },
  // Its status is that of the first error, as RFC 8040 §7 maps it.
  'rpc-error': { status: 500, title: 'The device answered with an error' },
  'refused-by-device': { status: 502, title: 'The device refused a session' },
  'no-session': { status: 502, title: 'The device gave no NETCONF session' },
  'bad-reply': { status: 502, title: 'The device answered what is no reply' },
  'outcome-unknown': { status: 502, title: 'The outcome is not known' },
  'record-not-readable': { status: 503, title: 'The audit log cannot be searched' },
  'identity-provider-unreachable': { status: 503, title: 'The identity provider does not answer' },
  'shutting-down': { status: 503, title: 'The bridge is stopping' },
  'not-connected': { status: 503, title: 'The device is not connected' },
  'link-full': { status: 503, title: 'The device has no free session' },
  'link-lost': { status: 503, title: 'The device did not answer' },
  'record-not-written': { status: 503, title: 'The call could not be recorded' },
  'device-timeout': { status: 504, title: 'The device did not answer in time' },
  // RFC 4918 §11.5: the server is unable to store what the request would change.
  'not-written': { status: 507, title: 'The change could not be stored' },
} as const

export type ProblemCause = keyof typeof causes
type StatusOf<Cause extends ProblemCause> = (typeof causes)[Cause]['status']

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

/** What a problem says besides its cause. */
export interface ProblemWords {
  readonly message: string
  readonly hint?: string
  readonly errors?: { readonly pointer: string; readonly detail: string }[]
  /** Further headers of the answer, such as `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>
  readonly more?: Pick<Problem, 'rpc-errors' | 'lastSeen' | 'steps'>
  /** Seconds after which the same request may go well. */
  readonly retryAfter?: number
}

/** What something is answered to: a call, of which a Hono context has this, or a job, which was one. */
export interface Answered {
  readonly var: { readonly requestId?: string | undefined }
  readonly env?: { readonly outgoing?: { readonly destroy: () => unknown } | undefined } | undefined
}

/** Answers a request with a problem detail. */
export function answerProblem<Cause extends ProblemCause>(c: Context, cause: Cause, words: ProblemWords) {
  const status: StatusOf<Cause> = causes[cause].status
  return c.json(problemOf(c, cause, status, words), status, headersOf(words))
}

/** The same for what is no route's own answer, and may be a job's. */
export function problemResponse(to: Answered, cause: ProblemCause, words: ProblemWords): Response {
  const { status } = causes[cause]
  return Response.json(problemOf(to, cause, status, words), { status, headers: headersOf(words) })
}

/** Answers with what the device said was wrong; its first error decides on the status. */
export function answerRpcErrors(to: Answered, status: ContentfulStatusCode, words: ProblemWords): Response {
  return Response.json(problemOf(to, 'rpc-error', status, words), { status, headers: headersOf(words) })
}

function problemOf(
  to: Answered,
  cause: ProblemCause,
  status: number,
  { message, hint, errors, more }: ProblemWords,
): Problem {
  const { requestId } = to.var
  return {
    type: `urn:homeport:problem:${cause}`,
    title: causes[cause].title,
    status,
    detail: message,
    ...(hint === undefined ? {} : { hint }),
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
export function problemResponses<Cause extends ProblemCause>(...answered: readonly Cause[]) {
  const described = new Map<number, Cause[]>()
  for (const cause of answered) {
    const { status } = causes[cause]
    described.set(status, [...(described.get(status) ?? []), cause])
  }
  const responses = [...described].map(([status, those]) => [
    status,
    { description: those.map((cause) => `\`${cause}\``).join(', '), content },
  ])
  return { ...(Object.fromEntries(responses) as ProblemResponses<Cause>), default: anyProblem }
}

type ProblemResponses<Cause extends ProblemCause> = Record<
  StatusOf<Cause>,
  { readonly description: string; readonly content: typeof content }
>

const anyProblem = { description: 'any other problem', content }
