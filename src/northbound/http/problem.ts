import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'

/** The stable words for what goes wrong: the end of a problem's `type`, with its status and title. */
const causes = {
  'malformed-json': { status: 400, title: 'Malformed JSON' },
  'not-authenticated': { status: 401, title: 'Not authenticated' },
  'wrong-password': { status: 401, title: 'Wrong user or password' },
  'invalid-token': { status: 401, title: 'Invalid token' },
  'expired-token': { status: 401, title: 'Expired token' },
  'revoked-token': { status: 401, title: 'Revoked token' },
  'insecure-transport': { status: 403, title: 'Insecure transport' },
  'foreign-origin': { status: 403, title: 'Foreign origin' },
  'out-of-scope': { status: 403, title: 'Out of scope' },
  'no-rights': { status: 403, title: 'No rights on the device' },
  'not-for-others': { status: 403, title: 'Not for others' },
  'unknown-path': { status: 404, title: 'Unknown path' },
  'unknown-device': { status: 404, title: 'Unknown device' },
  'unknown-session': { status: 404, title: 'Unknown session' },
  'unknown-token': { status: 404, title: 'Unknown token' },
  'nothing-presented': { status: 409, title: 'The device has presented no key' },
  'decided-by-configuration': { status: 409, title: 'The configuration decides for this device' },
  'already-known': { status: 409, title: 'The device is known already' },
  'too-many-tokens': { status: 409, title: 'Too many tokens' },
  'body-too-large': { status: 413, title: 'Body too large' },
  'unsupported-media-type': { status: 415, title: 'Unsupported media type' },
  // RFC 9110 §15.5.20: this server does not answer for that name.
  'unknown-host': { status: 421, title: 'Unknown host name' },
  'invalid-request': { status: 422, title: 'Invalid request' },
  'unknown-user': { status: 422, title: 'Unknown user' },
  'too-many-attempts': { status: 429, title: 'Too many attempts' },
  'internal-error': { status: 500, title: 'Internal error' },
  'record-not-readable': { status: 503, title: 'The record cannot be searched' },
  'identity-provider-unreachable': { status: 503, title: 'The identity provider does not answer' },
  'shutting-down': { status: 503, title: 'The bridge is stopping' },
  // RFC 4918 §11.5: the server is unable to store what the request would change.
  'not-written': { status: 507, title: 'The change could not be stored' },
} as const

export type ProblemCause = keyof typeof causes
type StatusOf<Cause extends ProblemCause> = (typeof causes)[Cause]['status']

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
}

/** Answers a request with a problem detail. */
export function answerProblem<Cause extends ProblemCause>(
  c: Context,
  cause: Cause,
  { message, hint, errors, headers }: ProblemWords,
) {
  const { title } = causes[cause]
  const status: StatusOf<Cause> = causes[cause].status
  const requestId = c.get('requestId') as string | undefined
  const problem: Problem = {
    type: `urn:homeport:problem:${cause}`,
    title,
    status,
    detail: message,
    ...(hint === undefined ? {} : { hint }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(errors === undefined ? {} : { errors }),
  }
  return c.json(problem, status, { ...headers, 'Content-Type': 'application/problem+json' })
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
