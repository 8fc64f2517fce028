import { NETCONF_NS } from './xml/namespaces.js'
import { attribute, attributeOf, element, elementsOf, type XmlAttribute, type XmlElement } from './xml/xml-tree.js'

/** One request (RFC 6241 §4.1). */
export interface Rpc {
  /** Undefined where the client left it out, which Junos tolerates. */
  readonly messageId?: string
  /** All attributes of `<rpc>`, message-id included: the reply repeats them. */
  readonly attributes: readonly XmlAttribute[]
  /** The operations; a proper request has exactly one. */
  readonly operations: readonly XmlElement[]
}

/** An `<rpc>` around an operation. */
export function buildRpc(messageId: string, operation: XmlElement): XmlElement {
  return element(NETCONF_NS, 'rpc', [operation], { attributes: [attribute('message-id', messageId)] })
}

/** Reads an `<rpc>`; undefined for any other element. A missing namespace is let pass, as Junos does. */
export function rpcOf(root: XmlElement): Rpc | undefined {
  if (root.name !== 'rpc' || (root.namespace !== NETCONF_NS && root.namespace !== '')) return undefined
  const messageId = attributeOf(root, 'message-id')
  return {
    ...(messageId === undefined ? {} : { messageId }),
    attributes: root.attributes,
    operations: elementsOf(root),
  }
}

/** Operations of RFC 6241 without parameters of their own beyond a datastore, for callers that speak to a server. */
export const operation = {
  get: (filter?: XmlElement) => element(NETCONF_NS, 'get', filter === undefined ? [] : [filter]),
  getConfig: (source: string, filter?: XmlElement) =>
    element(NETCONF_NS, 'get-config', [datastore('source', source), ...(filter === undefined ? [] : [filter])]),
  lock: (target: string) => element(NETCONF_NS, 'lock', [datastore('target', target)]),
  unlock: (target: string) => element(NETCONF_NS, 'unlock', [datastore('target', target)]),
  validate: (source: string) => element(NETCONF_NS, 'validate', [datastore('source', source)]),
  commit: () => element(NETCONF_NS, 'commit'),
  discardChanges: () => element(NETCONF_NS, 'discard-changes'),
  closeSession: () => element(NETCONF_NS, 'close-session'),
  killSession: (sessionId: number) =>
    element(NETCONF_NS, 'kill-session', [element(NETCONF_NS, 'session-id', String(sessionId))]),
  editConfig: (target: string, config: readonly XmlElement[], options: EditConfigOptions = {}) =>
    element(NETCONF_NS, 'edit-config', [
      datastore('target', target),
      ...Object.entries(options).map(([name, value]) => element(NETCONF_NS, name, value)),
      element(NETCONF_NS, 'config', config),
    ]),
} as const

/** Parameters of `<edit-config>` (RFC 6241 §7.2). */
export interface EditConfigOptions {
  readonly 'default-operation'?: 'merge' | 'replace' | 'none'
  readonly 'test-option'?: 'test-then-set' | 'set' | 'test-only'
  readonly 'error-option'?: 'stop-on-error' | 'continue-on-error' | 'rollback-on-error'
}

/** A subtree filter (RFC 6241 §6) around what is wanted. */
export function subtreeFilter(wanted: readonly XmlElement[]): XmlElement {
  return element(NETCONF_NS, 'filter', wanted, { attributes: [attribute('type', 'subtree')] })
}

function datastore(role: 'source' | 'target', name: string): XmlElement {
  return element(NETCONF_NS, role, [element(NETCONF_NS, name)])
}
