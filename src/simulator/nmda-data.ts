import { ORIGIN_NS } from '../netconf/xml/namespaces.js'
import { attribute, elementsOf, withChildren, type XmlElement } from '../netconf/xml/xml-tree.js'
import { DEVICE_NS, SCHEMA, type SchemaChildren, type SchemaNode } from './data-model.js'

/** What is configuration in a data tree. Whatever is not of the device's own model is state. */
export function configNodes(data: readonly XmlElement[], schemas: SchemaChildren = SCHEMA): readonly XmlElement[] {
  return data.flatMap((node) => {
    const schema = schemaOf(node, schemas)
    if (schema === undefined || schema.state === true) return []
    return 'children' in schema ? withChildren(node, configNodes(elementsOf(node), schema.children)) : node
  })
}

/** What is state in a data tree, with the containers and the keys of lists that it stands in. */
export function stateNodes(data: readonly XmlElement[], schemas: SchemaChildren = SCHEMA): readonly XmlElement[] {
  return data.flatMap((node) => {
    const schema = schemaOf(node, schemas)
    if (schema === undefined || schema.state === true) return node
    if (!('children' in schema)) return []
    const keys = schema.kind === 'list' ? schema.keys : []
    const inner = stateNodes(elementsOf(node), schema.children)
    if (inner.length === 0) return []
    return withChildren(node, [...elementsOf(node).filter((child) => keys.includes(child.name)), ...inner])
  })
}

/** The configuration of a simulated device is what was intended; nothing is learned, or the system's own. */
const ORIGIN = 'intended'

/** Without the configuration whose origin is not wanted; state is not affected (RFC 8526 §3.1.1). */
export function withoutOrigins(
  data: readonly XmlElement[],
  { wanted, unwanted }: { readonly wanted: readonly string[]; readonly unwanted: readonly string[] },
): readonly XmlElement[] {
  const isWanted = wanted.length === 0 || wanted.includes(ORIGIN)
  return isWanted && !unwanted.includes(ORIGIN) ? data : stateNodes(data)
}

/** With the origin on the roots of configuration, from which what is below them has it (RFC 8342 §7). */
export function withOrigins(data: readonly XmlElement[]): readonly XmlElement[] {
  return data.map((node) =>
    schemaOf(node, SCHEMA) === undefined
      ? node
      : {
          ...node,
          attributes: [...node.attributes, attribute('origin', `or:${ORIGIN}`, { namespace: ORIGIN_NS, prefix: 'or' })],
          declarations: { ...node.declarations, or: ORIGIN_NS },
        },
  )
}

/** So many levels of nodes; the roots are the first. */
export function toDepth(data: readonly XmlElement[], levels: number): readonly XmlElement[] {
  return data.map((node) => {
    const children = elementsOf(node)
    return children.length === 0 ? node : withChildren(node, levels === 1 ? [] : toDepth(children, levels - 1))
  })
}

function schemaOf({ namespace, name }: XmlElement, schemas: SchemaChildren): SchemaNode | undefined {
  return namespace === DEVICE_NS && Object.hasOwn(schemas, name) ? schemas[name] : undefined
}
