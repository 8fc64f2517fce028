import type { Context } from 'hono'
import type { Principal } from '../../../access/authz/principal.js'
import type { ApiEnv, HttpServices } from '../api.js'
import { pointerTo } from '../middleware/handle-failures.js'
import { type Answered, problemResponse } from '../problem.js'
import { answerNotConverted, IS_LARGE } from './conversion-service.js'
import { type BodyFault, readRpcBody, type RpcBody } from './rpc-body.js'
import type { RpcService } from '../../../rpc/rpc-service.js'

/** One operation that a client sent as it is. */
export interface ReadRpc extends RpcBody {
  /** The body as it came. */
  readonly body: Uint8Array
}

export type RpcReading =
  | { readonly ok: true; readonly rpc: ReadRpc }
  | { readonly ok: false; readonly response: Response }

/**
 * Reads the body of a call: an operation, or an `<rpc>` around exactly one; as XML, or as JSON if it is declared so.
 */
export async function readRpc(c: Context<ApiEnv>, services: ReadingServices): Promise<RpcReading> {
  const bytes = new Uint8Array(await c.req.arrayBuffer())
  const sent = { bytes, contentType: c.req.header('content-type'), who: c.var.caller.principal }
  return readRpcBytes(services, sent, c)
}

export type ReadingServices = Pick<HttpServices, 'conversions'> & {
  readonly rpc: Pick<RpcService, 'limits' | 'boundReached'>
}

/** What somebody sent. */
export interface SentBody {
  readonly bytes: Uint8Array
  readonly contentType: string | undefined
  readonly who: Principal
}

/** The same for what is no call any more. */
export async function readRpcBytes(
  { rpc, conversions }: ReadingServices,
  { bytes, contentType, who }: SentBody,
  to: Answered,
): Promise<RpcReading> {
  const { maxRequestSize: maxSize, maxRequestElements: maxElements } = rpc.limits()
  const limits = { maxSize, maxElements }
  const format = isJson(contentType) ? 'json' : 'xml'
  const converted =
    bytes.length <= IS_LARGE
      ? ({ ok: true, value: readRpcBody(bytes, format, limits) } as const)
      : await conversions.readRpc(who, { bytes, format, limits })
  if (!converted.ok) return { ok: false, response: answerNotConverted(to, converted.reason) }
  const read = converted.value
  return read.ok
    ? { ok: true, rpc: { ...read.value, body: bytes } }
    : { ok: false, response: answerBodyFault(to, read.error, rpc.boundReached) }
}

export function answerBodyFault(
  to: Answered,
  { cause, message, hint, path }: BodyFault,
  boundReached: RpcService['boundReached'],
): Response {
  if (cause === 'body-too-large') boundReached('max-request-elements')
  const errors = path === undefined ? {} : { errors: [{ pointer: pointerTo(path), detail: message }] }
  return problemResponse(to, cause, { message, hint, ...errors })
}

export function isJson(contentType: string | undefined): boolean {
  return /^application\/(?:[\w.-]+\+)?json\b/i.test(contentType ?? '')
}
