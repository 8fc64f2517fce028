import type { Need } from './capabilities.js'
import { failed, type Result, succeeded } from './result.js'
import { buildRpc } from './rpc.js'
import { NETCONF_NS } from './xml/namespaces.js'
import { escapeAttribute, serialiseXml } from './xml/xml-serialise.js'
import type { XmlElement } from './xml/xml-tree.js'

/**
 * An operation that is XML text already, as it stands in an `<rpc>` that declares NETCONF's namespace as the default
 * one. What is long is written once, and before anything is taken for it.
 */
export interface WrittenOperation {
  readonly text: string
  /** What the server has to have announced: it is not sent to another one. */
  readonly needs?: Need
}

/** What may be sent on a session: a tree, or the text of one. */
export type SentOperation = XmlElement | WrittenOperation

/** Writes an operation; the error says what XML cannot hold of it. */
export function writeOperation(operation: XmlElement): Result<WrittenOperation, string> {
  return written(() => ({ text: serialiseXml(operation, { defaultNamespace: NETCONF_NS }) }))
}

/** The `<rpc>` around an operation, as text. */
export function writeRpc(messageId: string, sent: SentOperation): Result<string, string> {
  return written(() =>
    'text' in sent
      ? `<rpc xmlns="${NETCONF_NS}" message-id="${escapeAttribute(messageId)}">${sent.text}</rpc>`
      : serialiseXml(buildRpc(messageId, sent)),
  )
}

function written<T>(write: () => T): Result<T, string> {
  try {
    return succeeded(write())
  } catch (thrown) {
    if (thrown instanceof TypeError) return failed(thrown.message)
    throw thrown
  }
}
