import { encodeFrame } from '../../../netconf/framing/frame-encoder.js'
import type { Framing } from '../../../netconf/framing/framing.js'
import type { RequestRoot } from '../../../netconf/request-reader.js'
import { type ErrorTag, type ErrorType, rpcError } from '../../../netconf/rpc-error.js'
import { buildRpcReply } from '../../../netconf/rpc-reply.js'
import { isXmlText, serialiseXml } from '../../../netconf/xml/xml-serialise.js'
import type { XmlElement } from '../../../netconf/xml/xml-tree.js'

/** Why a request is answered by the bridge instead of the device. */
export interface RequestRefusal {
  readonly tag: ErrorTag
  readonly type: ErrorType
  /** The word by which programs tell why, as `<error-app-tag>`. */
  readonly appTag?: string
  readonly message: string
}

/**
 * The `<rpc-reply>` with an `<rpc-error>` that stands for the device's: it repeats all attributes of the request (RFC
 * 6241 §4.1), and is in no namespace where that was in none, as very old Junos and its clients have it.
 * @param root undefined where it was not seen whose request it is
 */
export function refusalReply(refusal: RequestRefusal, root: RequestRoot | undefined, framing: Framing): Buffer {
  // RFC 6241 appendix A: a peer of base:1.0 does not know malformed-message.
  const tag = refusal.tag === 'malformed-message' && framing === 'end-of-message' ? 'operation-failed' : refusal.tag
  const error = rpcError(tag, `Homeport: ${xmlText(refusal.message)}`, {
    type: refusal.type,
    ...(refusal.appTag === undefined ? {} : { appTag: refusal.appTag }),
  })
  const reply = buildRpcReply(root?.attributes ?? [], { kind: 'errors', errors: [error] })
  return encodeFrame(framing, serialiseXml(root?.namespace === '' ? withoutNamespace(reply) : reply))
}

/** What a peer has written may stand in a message; XML has no place for some characters. */
function xmlText(text: string): string {
  return isXmlText(text) ? text : text.toWellFormed().replace(/[^\t\n\r\u0020-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
}

function withoutNamespace(element: XmlElement): XmlElement {
  const children = element.children.map((child) => (typeof child === 'string' ? child : withoutNamespace(child)))
  return { ...element, namespace: '', children }
}
