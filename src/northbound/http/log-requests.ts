import type { MiddlewareHandler } from 'hono'
import type { Log } from '../../telemetry/log.js'
import type { ApiEnv } from './api.js'
import type { Caller } from './caller.js'

/** One log line a request: what changes something is told at `info`, what only reads at `debug`. */
export function logRequests(log: Log, now = () => performance.now()): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const began = now()
    await next()
    const { method, path } = c.req
    const { requestId, peer } = c.var
    const caller = c.get('caller') as Caller | undefined
    const level = method === 'GET' || method === 'HEAD' ? 'debug' : 'info'
    log[level](
      {
        method,
        path,
        status: c.res.status,
        milliseconds: Math.round(now() - began),
        requestId,
        source: peer.source,
        ...(caller === undefined ? {} : { user: caller.user }),
      },
      'request',
    )
  }
}
