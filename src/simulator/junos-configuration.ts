import { elementsOf, textOf, type XmlElement } from '../netconf/xml/xml-tree.js'
import { SCHEMA, type SchemaChildren, type SchemaNode } from './data-model.js'
import type { Config } from './edit-config.js'

/** A configuration in curly braces, as `get-configuration format="text"` answers it. */
export function configurationText(config: Config): string {
  return linesOf(config, SCHEMA, '').join('')
}

/** A configuration as `set` statements, as `get-configuration format="set"` answers it. */
export function configurationSet(config: Config): string {
  return setLines(config, SCHEMA, 'set').join('')
}

function linesOf(nodes: readonly XmlElement[], schema: SchemaChildren, indent: string): readonly string[] {
  return nodes.flatMap((node) => {
    const known = schema[node.name]
    if (known === undefined || isLeaf(known)) return [`${indent}${node.name} ${word(textOf(node))};\n`]
    const { title, rest } = entryOf(node, known)
    return [`${indent}${title} {\n`, ...linesOf(rest, known.children, `${indent}    `), `${indent}}\n`]
  })
}

function setLines(nodes: readonly XmlElement[], schema: SchemaChildren, path: string): readonly string[] {
  return nodes.flatMap((node) => {
    const known = schema[node.name]
    if (known === undefined || isLeaf(known)) return [`${path} ${node.name} ${word(textOf(node))}\n`]
    const { title, rest } = entryOf(node, known)
    return rest.length === 0 ? [`${path} ${title}\n`] : setLines(rest, known.children, `${path} ${title}`)
  })
}

type Inner = Extract<SchemaNode, { readonly children: SchemaChildren }>

function isLeaf(node: SchemaNode): node is Exclude<SchemaNode, Inner> {
  return node.kind === 'leaf' || node.kind === 'leaf-list'
}

/** An entry's keys stand in its title, the rest within. */
function entryOf(node: XmlElement, known: Inner): { readonly title: string; readonly rest: readonly XmlElement[] } {
  const keys: readonly string[] = known.kind === 'list' ? known.keys : []
  const children = elementsOf(node)
  const values = keys.flatMap((key) => children.filter(({ name }) => name === key).map((key) => word(textOf(key))))
  return { title: [node.name, ...values].join(' '), rest: children.filter(({ name }) => !keys.includes(name)) }
}

function word(text: string): string {
  return /^[A-Za-z0-9./:_-]+$/.test(text) ? text : `"${text.replace(/[\\"]/g, '\\$&')}"`
}
