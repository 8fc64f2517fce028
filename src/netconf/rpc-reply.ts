import { NETCONF_NS } from './xml/namespaces.js'
import { failed, type Result, succeeded } from './result.js'
import { buildRpcError, type RpcError, rpcErrorOf } from './rpc-error.js'
import { parseXml, parseXmlGently, type XmlError } from './xml/xml-parse.js'
import { attributeOf, element, elementsOf, type XmlAttribute, type XmlElement } from './xml/xml-tree.js'

/** An answer (RFC 6241 §4.2). Junos may send `<ok/>` and warnings together. */
export interface RpcReply {
  readonly messageId?: string
  readonly ok: boolean
  readonly errors: readonly RpcError[]
  readonly warnings: readonly RpcError[]
  /** What is neither `<ok/>` nor `<rpc-error>`: `<data>`, or elements of the operation's own. */
  readonly content: readonly XmlElement[]
}

/** Why a message is not an `<rpc-reply>`. */
export type RpcReplyError = XmlError | { readonly kind: 'not-a-reply'; readonly cause: string; readonly hint: string }

/** What goes into a reply: `ok`, errors, or content. */
export type ReplyBody =
  | { readonly kind: 'ok' }
  | { readonly kind: 'errors'; readonly errors: readonly RpcError[] }
  | { readonly kind: 'content'; readonly content: readonly XmlElement[] }

/** An `<rpc-reply>` that repeats the request's attributes. */
export function buildRpcReply(
  requestAttributes: readonly XmlAttribute[],
  body: ReplyBody,
  declarations?: Readonly<Record<string, string>>,
): XmlElement {
  return element(NETCONF_NS, 'rpc-reply', replyChildren(body), {
    attributes: requestAttributes,
    ...(declarations === undefined ? {} : { declarations }),
  })
}

/** Reads a whole `<rpc-reply>`. */
export function parseRpcReply(message: Buffer | string): Result<RpcReply, RpcReplyError> {
  const parsed = parseXml(message)
  return parsed.ok ? replyOf(parsed.value) : parsed
}

/** The same for one that may be long: whatever else the process does goes on meanwhile. */
export async function parseRpcReplyGently(message: Buffer): Promise<Result<RpcReply, RpcReplyError>> {
  const parsed = await parseXmlGently(message)
  return parsed.ok ? replyOf(parsed.value) : parsed
}

function replyOf(root: XmlElement): Result<RpcReply, RpcReplyError> {
  if (!isReply(root)) {
    return failed({
      kind: 'not-a-reply',
      cause: `<${root.name}> came where <rpc-reply> was expected`,
      hint: 'the peer does not speak NETCONF, or answered out of turn',
    })
  }
  const messageId = attributeOf(root, 'message-id')
  const children = elementsOf(root)
  const named = (name: string) => (child: XmlElement) => child.name === name && child.namespace === root.namespace
  const all = children.filter(named('rpc-error')).map(rpcErrorOf)
  return succeeded({
    ...(messageId === undefined ? {} : { messageId }),
    ok: children.some(named('ok')),
    errors: all.filter((one) => one.severity === 'error'),
    warnings: all.filter((one) => one.severity === 'warning'),
    content: children.filter((child) => !named('ok')(child) && !named('rpc-error')(child)),
  })
}

/** Whether a root element is an `<rpc-reply>`, with the namespace or, as very old Junos, without. */
export function isReply(root: XmlElement): boolean {
  return root.name === 'rpc-reply' && (root.namespace === NETCONF_NS || root.namespace === '')
}

function replyChildren(body: ReplyBody): readonly XmlElement[] {
  if (body.kind === 'ok') return [element(NETCONF_NS, 'ok')]
  return body.kind === 'errors' ? body.errors.map(buildRpcError) : body.content
}
