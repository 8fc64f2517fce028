import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { failed, type Result, succeeded } from '../netconf/result.js'
import { errorInfo, type RpcError, rpcError } from '../netconf/rpc-error.js'
import { attributeOf, childOf, elementsOf, type XmlElement } from '../netconf/xml/xml-tree.js'
import { selectSubtrees } from './subtree-filter.js'

/** Data as an operation's `<filter>` wants it; all of it without one. Only subtree filters are known. */
export function filtered(data: readonly XmlElement[], operation: XmlElement): Result<readonly XmlElement[], RpcError> {
  const filter = filterOf(operation, NETCONF_NS)
  if (!filter.ok) return filter
  return succeeded(filter.value === undefined ? data : selectSubtrees(data, filter.value))
}

/** The content of an operation's `<filter>`, undefined without one. */
export function filterOf(
  operation: XmlElement,
  namespace: string,
): Result<readonly XmlElement[] | undefined, RpcError> {
  const filter = childOf(operation, namespace, 'filter')
  if (filter === undefined) return succeeded(undefined)
  const type = attributeOf(filter, 'type') ?? attributeOf(filter, 'type', NETCONF_NS) ?? 'subtree'
  if (type === 'subtree') return succeeded(elementsOf(filter))
  const info = [errorInfo.badAttribute('type'), errorInfo.badElement('filter')]
  return failed(rpcError('bad-attribute', 'only subtree filters are known', { type: 'protocol', info }))
}
