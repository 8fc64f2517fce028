import type { Context, MiddlewareHandler, Next } from 'hono'
import { principalKey } from '../../../access/authz/principal.js'
import type { ApiEnv } from '../api.js'
import type { BodyBound, BodyBounds, BodyBudget, Reservation } from './body-budget.js'
import { answerProblem } from '../problem.js'

/**
 * Refuses a body that says that it is longer than so many bytes. Nothing is read here: who calls is not known yet, and
 * `receiveBody` reads it then.
 */
export function boundedBody(boundOf: (c: Context) => BodyBound, budget: BodyBudget): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const bound = boundOf(c)
    c.set('bodyBounds', { bound, budget })
    const length = lengthOf(c)
    return length !== undefined && length > bound.bytes ? answerTooLong(c, bound) : next()
  }
}

/**
 * Lets a caller who is known send a body, as long as all bodies that are under way have room, and goes on. A body that
 * does not tell its length is read here. To look at another one would make a web stream of it, which costs more than
 * the rest of a small call.
 */
export async function receiveBody(c: Context<ApiEnv>, next: Next): Promise<Response | undefined> {
  const bounds = c.get('bodyBounds') as BodyBounds | undefined
  const length = lengthOf(c)
  if (bounds === undefined || length === 0) {
    await next()
    return undefined
  }
  const reservation = bounds.budget.open(principalKey(c.get('caller').principal))
  try {
    const refusal = length === undefined ? await readBody(c, bounds, reservation) : reserve(c, reservation, length)
    if (refusal !== undefined) return refusal
    await next()
    return undefined
  } finally {
    reservation.release()
  }
}

/** What a request says of its body: 0 for none, undefined for one that comes in parts. */
function lengthOf(c: Context<ApiEnv>): number | undefined {
  if (c.req.header('transfer-encoding') !== undefined) return undefined
  const length = c.req.header('content-length')
  if (length !== undefined) return Number(length)
  // On a connection, a request with neither header has no body (RFC 9112 §6.3).
  return c.env?.incoming === undefined && c.req.raw.body !== null ? undefined : 0
}

function reserve(c: Context<ApiEnv>, reservation: Reservation, length: number): Response | undefined {
  return reservation.take(length) ? undefined : answerTooMany(c)
}

async function readBody(
  c: Context<ApiEnv>,
  { bound }: BodyBounds,
  reservation: Reservation,
): Promise<Response | undefined> {
  const { method, body } = c.req.raw
  // A GET has none, whatever its header says.
  if (body === null) return undefined
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of body) {
    length += part.length
    if (length > bound.bytes) return answerTooLong(c, bound)
    if (!reservation.take(part.length)) return answerTooMany(c)
    parts.push(part)
  }
  c.req.raw = new Request(c.req.raw, { method, body: Buffer.concat(parts, length) })
  return undefined
}

function answerTooLong(c: Context<ApiEnv>, { bytes, hint }: BodyBound): Response {
  const message = `the body is longer than ${bytes} octets`
  return answerProblem(c, 'body-too-large', { message, ...(hint === undefined ? {} : { hint }) })
}

function answerTooMany(c: Context<ApiEnv>): Response {
  return answerProblem(c, 'too-many-calls', {
    message: 'the bodies of requests under way take all the room that there is for them, or your share of it',
    hint: 'send fewer at a time, or raise endpoint.http.max-request-total',
    retryAfter: 1,
  })
}
