import { childOf, childText, elementsOf, textOf, type XmlElement } from '../netconf/xml/xml-tree.js'
import { DEVICE_NS, SCHEMA, type SchemaChildren, type SchemaNode } from './data-model.js'

/** Whether two nodes under the same parent are the same instance: by keys in a list, by value in a leaf-list. */
export function sameInstance(one: XmlElement, other: XmlElement, schema: SchemaNode | undefined): boolean {
  if (one.name !== other.name || one.namespace !== other.namespace) return false
  if (schema?.kind === 'leaf-list') return textOf(one).trim() === textOf(other).trim()
  if (schema?.kind !== 'list') return true
  return schema.keys.every((key) => childText(one, DEVICE_NS, key) === childText(other, DEVICE_NS, key))
}

/** The instance identifier of a node below `parentPath`, with the prefix `dev` for the device's namespace. */
export function pathOf(parentPath: string, node: XmlElement, schema?: SchemaNode): string {
  const step = `${parentPath}/dev:${node.name}`
  if (schema?.kind === 'leaf-list') return `${step}[.='${textOf(node).trim()}']`
  if (schema?.kind !== 'list') return step
  const keys = schema.keys.map((key) => `[dev:${key}='${childText(node, DEVICE_NS, key) ?? ''}']`)
  return step + keys.join('')
}

/** One difference between two configurations, in the words of RFC 6470 §2.2. */
export interface ConfigChange {
  readonly target: string
  readonly operation: 'create' | 'delete' | 'replace'
}

/** Where the whole of a configuration is compared. */
const ROOTS = { schemas: SCHEMA, parentPath: '' }

/** What turns one configuration into the other; nothing is looked at that both share. */
export function configChanges(
  before: readonly XmlElement[],
  after: readonly XmlElement[],
  { schemas, parentPath }: { readonly schemas: SchemaChildren; readonly parentPath: string } = ROOTS,
): readonly ConfigChange[] {
  if (before === after) return []
  const changes: ConfigChange[] = []
  for (const old of before) {
    const schema = schemas[old.name]
    if (!after.some((one) => sameInstance(one, old, schema))) {
      changes.push({ target: pathOf(parentPath, old, schema), operation: 'delete' })
    }
  }
  for (const fresh of after) {
    const schema = schemas[fresh.name]
    const target = pathOf(parentPath, fresh, schema)
    const old = before.find((one) => sameInstance(one, fresh, schema))
    if (old === undefined) changes.push({ target, operation: 'create' })
    else if (old !== fresh && schema !== undefined && 'children' in schema) {
      for (const change of configChanges(elementsOf(old), elementsOf(fresh), {
        schemas: schema.children,
        parentPath: target,
      }))
        changes.push(change)
    } else if (old !== fresh && textOf(old) !== textOf(fresh)) changes.push({ target, operation: 'replace' })
  }
  return changes
}

/** The entries of `interfaces/interface`. */
export function interfacesOf(config: readonly XmlElement[]): readonly XmlElement[] {
  const interfaces = config.find((root) => root.name === 'interfaces' && root.namespace === DEVICE_NS)
  return interfaces === undefined
    ? []
    : elementsOf(interfaces).filter((one) => childOf(one, DEVICE_NS, 'name') !== undefined)
}
