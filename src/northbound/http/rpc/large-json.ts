import type { MiddlewareHandler } from 'hono'
import { HeldPayload } from '../../../operations/payload.js'
import type { ApiEnv, HttpServices } from '../api.js'
import { answerNotConverted, IS_LARGE } from './conversion-service.js'
import { answerBodyFault, isJson } from './read-rpc.js'

/**
 * Reads a large body of JSON before the route's own validator would, and not on this thread. The validator finds the body with its
 * payloads read, checked and written already.
 */
export function largeJson({ rpc, conversions }: Pick<HttpServices, 'rpc' | 'conversions'>): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    if (!isJson(c)) return next()
    const bytes = new Uint8Array(await c.req.arrayBuffer())
    if (bytes.length <= IS_LARGE) return next()
    const converted = await conversions.takePayloadsOut(c.var.caller.principal, {
      bytes,
      maxElements: rpc.limits().maxRequestElements,
    })
    if (!converted.ok) return answerNotConverted(c, converted.why)
    if (!converted.value.ok) return answerBodyFault(c, converted.value.error, rpc.boundReached)
    const { json, payloads } = converted.value.value
    for (const { path, payload } of payloads) put(json, path, { [HeldPayload.key]: new HeldPayload(payload) })
    Object.assign(c.req, { json: async () => json })
    return next()
  }
}

/** Keeps the route's own validator from a large body of JSON that the route reads itself. */
export function unreadJson(): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    if (isJson(c) && (await c.req.arrayBuffer()).byteLength > IS_LARGE) Object.assign(c.req, { json: async () => ({}) })
    return next()
  }
}

function put(json: unknown, path: readonly (string | number)[], value: unknown): void {
  const last = path.at(-1)
  let within = json as Record<string | number, unknown> | undefined
  for (const step of path.slice(0, -1)) within = within?.[step] as typeof within
  if (within !== undefined && last !== undefined) within[last] = value
}
