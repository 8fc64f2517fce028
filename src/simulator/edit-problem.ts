import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { errorInfo, type RpcError, rpcError } from '../netconf/rpc-error.js'
import { attributeOf, elementsOf, textOf, type XmlElement } from '../netconf/xml/xml-tree.js'
import { DEVICE_NS, type SchemaNode } from './data-model.js'
import { pathOf } from './data-node.js'

/** A name that stands nowhere in the data model, or only in its state. */
export function nameProblem(
  node: XmlElement,
  schema: SchemaNode | undefined,
  parentPath: string,
): RpcError | undefined {
  if (node.namespace !== DEVICE_NS) {
    return problemAt(parentPath, 'unknown-namespace', {
      message: `nothing is known of the namespace "${node.namespace}"`,
      info: [errorInfo.badElement(node.name), errorInfo.badNamespace(node.namespace)],
    })
  }
  if (schema === undefined) {
    return problemAt(parentPath, 'unknown-element', {
      message: `there is no <${node.name}> here`,
      info: [errorInfo.badElement(node.name)],
    })
  }
  if (schema.state === true) {
    const message = `<${node.name}> is state, not configuration`
    return problemAt(parentPath, 'unknown-element', { message, info: [errorInfo.badElement(node.name)] })
  }
  return undefined
}

/** A list entry without its key, or a value that its leaf does not take. */
export function contentProblem(
  node: XmlElement,
  schema: SchemaNode | undefined,
  parentPath: string,
): RpcError | undefined {
  if (schema === undefined || schema.kind === 'container') return undefined
  if (schema.kind === 'list') {
    const missing = schema.keys.find((key) => !elementsOf(node).some((child) => child.name === key))
    if (missing === undefined) return undefined
    return problemAt(pathOf(parentPath, node), 'missing-element', {
      message: `the key <${missing}> is missing`,
      info: [errorInfo.badElement(missing)],
    })
  }
  const unset = ['delete', 'remove'].includes(attributeOf(node, 'operation', NETCONF_NS) ?? '')
  const nested = elementsOf(node)[0]
  if (nested !== undefined) {
    const message = `<${node.name}> holds a value, not elements`
    return problemAt(pathOf(parentPath, node), 'unknown-element', {
      message,
      info: [errorInfo.badElement(nested.name)],
    })
  }
  // Deleting a leaf needs no value; of a leaf-list, the value says which one.
  if ((unset && schema.kind === 'leaf') || schema.accepts(textOf(node).trim())) return undefined
  const message = `"${textOf(node).trim().slice(0, 80)}" is not a value of <${node.name}>`
  return problemAt(pathOf(parentPath, node), 'invalid-value', { message, info: [errorInfo.badElement(node.name)] })
}

/** An `operation` attribute with a word of its own. */
export function badOperation(node: XmlElement, parentPath: string): RpcError {
  return problemAt(pathOf(parentPath, node), 'bad-attribute', {
    message: 'there is no such edit operation',
    info: [errorInfo.badAttribute('operation'), errorInfo.badElement(node.name)],
  })
}

/** The edit and the target contradict each other. */
export function dataError(tag: 'data-exists' | 'data-missing', message: string, path: string): RpcError {
  return problemAt(path, tag, { message })
}

function problemAt(
  path: string,
  tag: RpcError['tag'],
  { message, info = [] }: { readonly message: string; readonly info?: readonly XmlElement[] },
): RpcError {
  return rpcError(tag, message, { ...(path === '' ? {} : { path, pathNamespaces: { dev: DEVICE_NS } }), info })
}
