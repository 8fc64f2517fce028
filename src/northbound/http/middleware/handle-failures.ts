import type { IncomingMessage } from 'node:http'
import type { Hook } from '@hono/zod-openapi'
import type { Context, Env, ErrorHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { Log } from '../../../telemetry/log.js'
import { answerProblem, type ProblemWords } from '../problem.js'

type Validated = Parameters<Hook<unknown, Env, string, unknown>>[0]
type Issue = Extract<Validated, { readonly success: false }>['error']['issues'][number]

/** More of them help nobody, and a small body can have many. */
const MOST_FAULTS = 20

/**
 * The one error handler: whatever is thrown becomes a problem detail. What only the operator's log should hold stays
 * there.
 */
export function handleErrors(log: Log): ErrorHandler {
  return (error, c) => {
    if (error instanceof HTTPException) {
      if (error.status === 415)
        return answerProblem(c, 'unsupported-media-type', {
          message: 'the body is not declared as what is taken here',
          hint: 'send it with `Content-Type: application/json`, or `application/xml` where /openapi.json says so',
        })
      if (error.status === 400)
        return answerProblem(c, 'malformed-json', {
          message: 'the body cannot be read as JSON',
          hint: 'check its syntax',
        })
    }
    if (wasCutOff(error, c)) return answerProblem(c, 'body-cut-off', { message: 'the body did not arrive to its end' })
    const requestId = c.get('requestId') as string | undefined
    log.error({ err: error, method: c.req.method, path: c.req.path, requestId }, 'request failed')
    return answerProblem(c, 'internal-error', {
      message: 'the bridge could not answer this request',
      hint: 'its log says why',
    })
  }
}

/**
 * Whether the client went away, or sent garbage, in the middle of its body: no fault of the bridge. The answer is for
 * the log and the metrics.
 */
function wasCutOff(error: Error & { readonly code?: unknown }, c: Context): boolean {
  const { incoming } = (c.env ?? {}) as { readonly incoming?: IncomingMessage }
  return error.code === 'ECONNRESET' && incoming?.complete === false && incoming.destroyed
}

/** Says which fields of a request are at fault. */
export function handleInvalid(result: Validated, c: Context): Response | undefined {
  return result.success ? undefined : answerProblem(c, 'invalid-request', wordsOfIssues(result.error.issues))
}

/** Names the fields at fault; never what was in them, because that may be a secret. */
export function wordsOfIssues(issues: readonly Issue[]): ProblemWords {
  const errors = issues.flatMap(faultsOf).slice(0, MOST_FAULTS)
  const named = errors.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; ')
  return { message: named, hint: 'see /openapi.json', errors }
}

function faultsOf(issue: Issue): { pointer: string; detail: string }[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ pointer: pointerTo([...issue.path, key]), detail: 'there is no such field' }))
  return [{ pointer: pointerTo(issue.path), detail: issue.message }]
}

/**
 * A JSON pointer as a URI fragment (RFC 6901 §6). JSON may name a field with half a character, which no URI can hold.
 */
export function pointerTo(path: readonly PropertyKey[]): string {
  const escaped = path.map((step) =>
    String(step)
      .replace(/\p{Cs}/gu, '\u{fffd}')
      .replaceAll('~', '~0')
      .replaceAll('/', '~1'),
  )
  return ['#', ...escaped.map(encodeURIComponent)].join('/')
}
