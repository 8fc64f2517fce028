import type { MiddlewareHandler } from 'hono'
import { workOn } from '../../../lib/current-work.js'
import type { Log } from '../../../telemetry/log.js'
import type { ApiEnv } from '../api.js'
import type { Caller } from './caller.js'

/**
 * One log line a request: what may have changed something is told at `info`, what only reads at `debug`, and so is what
 * somebody sent who is not known and whose number of lines nothing bounds.
 */
export function logRequests(log: Log, now = () => performance.now()): MiddlewareHandler<ApiEnv> {
  // To look for secrets costs more than the rest of the line, whose fields are known to hold none.
  const requests = log.child({}, { redact: [] })
  return async (c, next) => {
    const began = now()
    const { method, path } = c.req
    const { source } = c.get('peer')
    workOn({ kind: 'http', source })
    await next()
    const caller = c.get('caller') as Caller | undefined
    const level = caller === undefined || method === 'GET' || method === 'HEAD' ? 'debug' : 'info'
    requests[level](
      {
        method,
        path,
        status: c.res.status,
        milliseconds: Math.round(now() - began),
        requestId: c.get('requestId'),
        source,
        ...(caller === undefined ? {} : { user: caller.user }),
      },
      'request',
    )
  }
}
