import type { Context } from 'hono'
import type { ApiEnv, HttpServices } from '../api.js'
import { pointerTo } from '../middleware/handle-failures.js'
import { answerProblem } from '../problem.js'
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

/** Reads the body of a request: an operation, or an `<rpc>` around exactly one; as XML, or as JSON if it is declared so. */
export async function readRpc(
  c: Context<ApiEnv>,
  { rpc, conversions }: Pick<HttpServices, 'rpc' | 'conversions'>,
): Promise<RpcReading> {
  const { maxRequestSize: maxSize, maxRequestElements: maxElements } = rpc.limits()
  const limits = { maxSize, maxElements }
  const body = new Uint8Array(await c.req.arrayBuffer())
  const format = isJson(c) ? 'json' : 'xml'
  if (body.length <= IS_LARGE) return readingOf(c, rpc, body, readRpcBody(body, format, limits))
  const converted = await conversions.readRpc(c.var.caller.principal, { bytes: body, format, limits })
  return converted.ok
    ? readingOf(c, rpc, body, converted.value)
    : { ok: false, response: answerNotConverted(c, converted.why) }
}

function readingOf(
  c: Context,
  { boundReached }: Pick<RpcService, 'boundReached'>,
  body: Uint8Array,
  read: ReturnType<typeof readRpcBody>,
): RpcReading {
  return read.ok
    ? { ok: true, rpc: { ...read.value, body } }
    : { ok: false, response: answerBodyFault(c, read.error, boundReached) }
}

export function answerBodyFault(
  c: Context,
  { cause, message, hint, path }: BodyFault,
  boundReached: RpcService['boundReached'],
): Response {
  if (cause === 'body-too-large') boundReached('max-request-elements')
  const errors = path === undefined ? {} : { errors: [{ pointer: pointerTo(path), detail: message }] }
  return answerProblem(c, cause, { message, hint, ...errors })
}

export function isJson(c: Context): boolean {
  return /^application\/(?:[\w.-]+\+)?json\b/i.test(c.req.header('content-type') ?? '')
}
