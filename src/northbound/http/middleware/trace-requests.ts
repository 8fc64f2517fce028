import type { Context, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import type { CallersTrace, CurrentTracer, Span } from '../../../telemetry/traces.js'
import type { ApiEnv } from '../api.js'
import type { Caller } from './caller.js'

const KNOWN_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])

/**
 * A span for each call of the API, from its headers to the end of its answer; it goes on with the trace of the caller,
 * where there is one and the caller is known. Pages, metrics and health have none: what asks for them asks all the
 * time.
 */
export function traceRequests(current: CurrentTracer): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const tracer = current()
    if (tracer === undefined || !c.req.path.startsWith('/api/')) return next()
    const known = KNOWN_METHODS.has(c.req.method)
    const method = known ? c.req.method : '_OTHER'
    const name = known ? method : 'HTTP'
    const span = tracer.start(
      name,
      {
        // A job is carried out by the bridge itself.
        kind: 'server',
        attributes: {
          'http.request.method': method,
          'url.path': c.req.path,
          'url.scheme': c.req.url.startsWith('https:') ? 'https' : 'http',
          'homeport.request.id': c.var.requestId,
        },
      },
      await callersTrace(c),
    )
    c.set('span', span)
    return traced(c, next, { span, name })
  }
}

/**
 * The trace that a caller goes on with. A stranger has none: whoever may say that a call is sampled decides how much is
 * recorded, whatever `traces.sample-ratio` is.
 */
async function callersTrace(c: Context<ApiEnv>): Promise<CallersTrace | undefined> {
  const traceparent = c.req.header('traceparent')
  if (traceparent === undefined || !(await c.get('identify')(c)).ok) return undefined
  return { traceparent, tracestate: c.req.header('tracestate') }
}

async function traced(
  c: Context<ApiEnv>,
  next: () => Promise<void>,
  { span, name }: { readonly span: Span; readonly name: string },
): Promise<void> {
  await next()
  const route = routeOf(c)
  const { status } = c.res
  if (route !== undefined) span.rename(`${name} ${route}`)
  span.set({
    'http.route': route,
    'http.response.status_code': status,
    'homeport.device.id': route?.startsWith('/api/v1/devices/{id}') === true ? c.req.param('id') : undefined,
    'homeport.user': (c.get('caller') as Caller | undefined)?.user,
  })
  // What a client did wrong is no fault of the bridge.
  if (status >= 500) span.fail(String(status))
  const outgoing = c.env?.outgoing
  // The answer may be a stream that has just begun.
  if (outgoing === undefined || outgoing.closed) span.end()
  else outgoing.once('close', () => span.end())
}

/** The pattern of the route that answers, as /openapi.json writes it. */
function routeOf(c: Context): string | undefined {
  return matchedRoutes(c)
    .findLast(({ path }) => !path.includes('*'))
    ?.path.replace(/:(\w+)/g, '{$1}')
}
