import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { ApiEnv } from './api.js'
import { answerProblem } from './problem.js'

/**
 * Refuses a body of more than so many octets. One that tells its length is judged by that, and nothing more is read than it tells;
 * others are read here. To look at a body, as Hono's own middleware does, makes a web stream of it, which costs more than the rest of a small call.
 */
export function boundedBody(longest: (path: string) => number): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const most = longest(c.req.path)
    const length = c.req.header('content-length')
    if (c.req.header('transfer-encoding') === undefined) {
      if (length !== undefined) return Number(length) > most ? answerTooLong(c, most) : next()
      // On a connection, a request with neither header has no body (RFC 9112 §6.3).
      if (c.env?.incoming !== undefined) return next()
    }
    return bodyLimit({ maxSize: most, onError: () => answerTooLong(c, most) })(c, next)
  }
}

function answerTooLong(c: Context<ApiEnv>, most: number): Response {
  return answerProblem(c, 'body-too-large', { message: `the body is longer than ${most} octets` })
}
