import type { MiddlewareHandler } from 'hono'
import type { Log } from '../../telemetry/log.js'

/** One log line a request: what changes something is told at `info`, what only reads at `debug`. */
export function logRequests(log: Log, now = () => performance.now()): MiddlewareHandler {
  return async (c, next) => {
    const began = now()
    await next()
    const { method, path } = c.req
    const level = method === 'GET' || method === 'HEAD' ? 'debug' : 'info'
    log[level]({ method, path, status: c.res.status, milliseconds: Math.round(now() - began) }, 'request')
  }
}
