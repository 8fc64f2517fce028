import { randomUUID } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import type { ApiEnv } from '../api.js'

/** Longer ones, or others, would be a way to write into the log. */
const SANE = /^[\w.:+/=-]{1,128}$/

/**
 * Names each request, as the client does or by a new id: in the answer, in problem details and in every line of the
 * log.
 */
export function nameRequests(): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const given = c.req.header('X-Request-Id')
    const id = given !== undefined && SANE.test(given) ? given : randomUUID()
    c.set('requestId', id)
    c.header('X-Request-Id', id)
    await next()
  }
}
