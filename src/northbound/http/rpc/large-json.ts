import type { MiddlewareHandler } from 'hono'
import type { ApiEnv } from '../api.js'
import type { Answered } from '../problem.js'
import { answerNotConverted, IS_LARGE } from './conversion-service.js'
import { HeldPayload } from '../../../operations/payload.js'
import { answerBodyFault, isJson, type ReadingServices, type SentBody } from './read-rpc.js'

/**
 * Reads a large body of JSON before the route's own validator would, and not on this thread. The validator finds the
 * body with its payloads read, checked and written already.
 */
export function largeJson(services: ReadingServices): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const contentType = c.req.header('content-type')
    if (!isJson(contentType)) return next()
    const bytes = new Uint8Array(await c.req.arrayBuffer())
    if (bytes.length <= IS_LARGE) return next()
    const read = await readLargeJson(services, { bytes, contentType, who: c.var.caller.principal }, c)
    if (!read.ok) return read.response
    Object.assign(c.req, { json: async () => read.json })
    return next()
  }
}

/** Reads a large body of JSON; in the places of its payloads stand what was made of them. */
export async function readLargeJson(
  { rpc, conversions }: ReadingServices,
  { bytes, who }: SentBody,
  to: Answered,
): Promise<{ readonly ok: true; readonly json: unknown } | { readonly ok: false; readonly response: Response }> {
  const { maxRequestElements: maxElements } = rpc.limits()
  const converted = await conversions.takePayloadsOut(who, { bytes, maxElements })
  if (!converted.ok) return { ok: false, response: answerNotConverted(to, converted.reason) }
  if (!converted.value.ok) return { ok: false, response: answerBodyFault(to, converted.value.error, rpc.boundReached) }
  const { json, payloads } = converted.value.value
  for (const { path, payload } of payloads) put(json, path, { [HeldPayload.key]: new HeldPayload(payload) })
  return { ok: true, json }
}

/** Keeps the route's own validator from a large body of JSON that the route reads itself. */
export function unreadJson(): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const isLarge = async (): Promise<boolean> => (await c.req.arrayBuffer()).byteLength > IS_LARGE
    if (isJson(c.req.header('content-type')) && (await isLarge())) Object.assign(c.req, { json: async () => ({}) })
    return next()
  }
}

function put(json: unknown, path: readonly (string | number)[], value: unknown): void {
  const last = path.at(-1)
  let within = json as Record<string | number, unknown> | undefined
  for (const step of path.slice(0, -1)) within = within?.[step] as typeof within
  if (within !== undefined && last !== undefined) within[last] = value
}
