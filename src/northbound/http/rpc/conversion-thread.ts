import type { Result } from '../../../netconf/result.js'
import type { XmlAttribute } from '../../../netconf/xml/xml-tree.js'
import { type ConvertedReply, convertReply } from './converted-reply.js'
import { type BodyFault, type BodyLimits, readRpcBody, type RpcBody } from './rpc-body.js'
import { type BodyWithoutPayloads, takePayloadsOut } from './written-payloads.js'

/** What the thread is asked, and what it answers: for each kind of work its input and its outcome. */
export interface Conversions {
  readonly 'read-rpc': {
    readonly input: { readonly bytes: Uint8Array; readonly format: 'xml' | 'json'; readonly limits: BodyLimits }
    readonly outcome: Result<RpcBody, BodyFault>
  }
  readonly 'take-payloads-out': {
    readonly input: { readonly bytes: Uint8Array; readonly maxElements: number }
    readonly outcome: Result<BodyWithoutPayloads, BodyFault>
  }
  readonly 'convert-reply': {
    readonly input: {
      readonly message: Uint8Array
      readonly format: 'json' | 'schema'
      readonly attributes: readonly XmlAttribute[]
    }
    readonly outcome: Result<ConvertedReply, string>
  }
}

export type ConversionKind = keyof Conversions

export type ConversionRequest = {
  readonly [Kind in ConversionKind]: { readonly kind: Kind; readonly input: Conversions[Kind]['input'] }
}[ConversionKind]

/** Where requests come from and answers go to. */
export interface ConversionPort {
  readonly postMessage: (outcome: unknown, transfer: readonly ArrayBuffer[]) => void
  readonly on: (event: 'message', listener: (request: ConversionRequest) => void) => unknown
}

/** Converts what is too large for the thread that serves everybody, one after another. */
export function serveConversions(port: ConversionPort): void {
  port.on('message', (request) => {
    const outcome = convert(request)
    const bytes = outcome.ok && 'bytes' in outcome.value ? outcome.value.bytes.buffer : undefined
    port.postMessage(outcome, bytes instanceof ArrayBuffer ? [bytes] : [])
  })
}

function convert(request: ConversionRequest): Conversions[ConversionKind]['outcome'] {
  if (request.kind === 'read-rpc') return readRpcBody(request.input.bytes, request.input.format, request.input.limits)
  if (request.kind === 'take-payloads-out') return takePayloadsOut(request.input.bytes, request.input.maxElements)
  return convertReply(request.input.message, request.input.format, request.input.attributes)
}
