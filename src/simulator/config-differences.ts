import { childText, elementsOf, textOf, type XmlElement } from '../netconf/xml/xml-tree.js'
import { DEVICE_NS, type SchemaChildren, type SchemaNode } from './data-model.js'
import { sameInstance } from './data-node.js'

/** One edit of a YANG patch (RFC 8072 §2.3) that brings one data tree nearer to another. */
export interface ConfigEdit {
  readonly operation: 'create' | 'delete' | 'replace'
  /** Resource path (RFC 8072 §2.4): `/simulated-device:interfaces/interface=ge-0%2F0%2F0/mtu`. */
  readonly target: string
  readonly value?: XmlElement
  /** What stands there before. */
  readonly sourceValue?: XmlElement
}

/** What makes `source` equal to `target`. Subtrees that only one of them has are one edit. */
export function differences(
  { source, target }: { readonly source: readonly XmlElement[]; readonly target: readonly XmlElement[] },
  schemas: SchemaChildren,
  parentPath = '',
): readonly ConfigEdit[] {
  if (source === target) return []
  const gone = source
    .filter((old) => !target.some((one) => sameInstance(one, old, schemas[old.name])))
    .map(
      (old): ConfigEdit => ({
        operation: 'delete',
        target: resourcePath(parentPath, old, schemas[old.name]),
        sourceValue: old,
      }),
    )
  const others = target.flatMap((fresh): readonly ConfigEdit[] => {
    const schema = schemas[fresh.name]
    const path = resourcePath(parentPath, fresh, schema)
    const old = source.find((one) => sameInstance(one, fresh, schema))
    if (old === undefined) return [{ operation: 'create', target: path, value: fresh }]
    if (schema !== undefined && 'children' in schema)
      return differences({ source: elementsOf(old), target: elementsOf(fresh) }, schema.children, path)
    if (textOf(old).trim() === textOf(fresh).trim()) return []
    return [{ operation: 'replace', target: path, value: fresh, sourceValue: old }]
  })
  return [...gone, ...others]
}

function resourcePath(parentPath: string, node: XmlElement, schema: SchemaNode | undefined): string {
  const module = parentPath === '' && node.namespace === DEVICE_NS ? 'simulated-device:' : ''
  const step = `${parentPath}/${module}${node.name}`
  if (schema?.kind === 'leaf-list') return `${step}=${encodeURIComponent(textOf(node).trim())}`
  if (schema?.kind !== 'list') return step
  return `${step}=${schema.keys.map((key) => encodeURIComponent(childText(node, DEVICE_NS, key) ?? '')).join(',')}`
}
