import type { RouteConfig } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Api, ApiEnv } from './api.js'

/** Registers a route that makes its own `Response`, because what it answers is a stream or comes in several formats. */
export function registerStreamingRoute(
  api: Api,
  route: RouteConfig,
  handle: (c: Context<ApiEnv>) => Promise<Response>,
): void {
  // OpenAPIHono types answers by the route's definition, which only an answer of JSON or text can be held against.
  api.openapi(route, handle as never)
}

/** What the validator of a route left of its JSON body. */
export function validBody(c: Context<ApiEnv>): unknown {
  return validPart(c, 'json')
}

/** What it left of the query. */
export function validQuery(c: Context<ApiEnv>): unknown {
  return validPart(c, 'query')
}

function validPart(c: Context<ApiEnv>, part: 'json' | 'query'): unknown {
  return (c.req.valid as (target: string) => unknown).call(c.req, part)
}
