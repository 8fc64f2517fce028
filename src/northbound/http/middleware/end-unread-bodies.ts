import type { MiddlewareHandler } from 'hono'
import type { ApiEnv } from '../api.js'

/**
 * Ends the body of an answer that nobody will read. Hono answers HEAD as GET without its body, and a stream that nobody
 * reads or cancels would hold its place, and its session on a device, for good.
 */
export function endUnreadBodies(): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    await next()
    if (c.req.raw.method === 'HEAD') await c.res.body?.cancel()
  }
}
