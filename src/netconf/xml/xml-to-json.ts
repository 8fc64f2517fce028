import { NETCONF_NS, XML_NS } from './namespaces.js'
import { NamespacesInScope } from '../namespaces-in-scope.js'
import { elementsOf, type XmlElement } from './xml-tree.js'

/**
 * XML as JSON. An element's value is its text where it holds nothing else, `""` where it holds nothing at all; else an
 * object: `@name` for an attribute and `@xmlns`, `@xmlns:prefix` for a declaration, the children by name, a list where
 * a name repeats, `#text` for the text beside attributes. Where children of one name do not stand together, or text
 * stands between elements, `#content` has all of them in order instead. Names are written with their prefixes, as in
 * the document.
 */
export type JsonXml = string | JsonXmlObject

export interface JsonXmlObject {
  readonly [name: string]: JsonXml | readonly JsonXml[]
}

/** Namespaces by prefix, '' for the default one. */
export type Scope = Readonly<Record<string, string>>

/** What no document need declare. */
export const EMPTY_SCOPE: Scope = { '': '', xml: XML_NS }

/** What need not be declared in what somebody sends: it stands inside an `<rpc>` of ours. */
export const RPC_SCOPE: Scope = { '': NETCONF_NS, nc: NETCONF_NS, xml: XML_NS }

/**
 * An element under its name. It reads back with `jsonToXml` to the same element, but for white space between elements.
 * @param scope what is declared where the JSON will stand; whatever else the element needs is declared in it
 */
export function xmlToJson(root: XmlElement, scope: Scope = EMPTY_SCOPE): JsonXmlObject {
  return underName(root, new NamespacesInScope(Object.entries(scope)))
}

function underName(from: XmlElement, scope: NamespacesInScope): JsonXmlObject {
  return { [nameOf(from)]: valueOf(from, scope) }
}

function valueOf(from: XmlElement, scope: NamespacesInScope): JsonXml {
  const declared = declarationsOf(from, scope)
  const marks: [string, string][] = [
    ...declared.map(([prefix, uri]): [string, string] => [prefix === '' ? '@xmlns' : `@xmlns:${prefix}`, uri]),
    ...from.attributes.map((one): [string, string] => [`@${nameOf(one)}`, one.value]),
  ]
  const children = elementsOf(from)
  const text = from.children.filter((child) => typeof child === 'string').join('')
  if (children.length === 0) {
    if (marks.length === 0) return text
    return Object.fromEntries(text === '' ? marks : [...marks, ['#text', text]])
  }
  scope.enter(declared)
  const content = /^[ \t\r\n]*$/.test(text) && standTogether(children) ? byName(children, scope) : inOrder(from, scope)
  scope.leave(declared)
  // Object.fromEntries, because `__proto__` is a name in XML.
  return Object.fromEntries<JsonXml | readonly JsonXml[]>([...marks, ...content])
}

/** Whether children of one name follow each other, so that a list under that name tells their order. */
function standTogether(children: readonly XmlElement[]): boolean {
  const closed = new Set<string>()
  let current: string | undefined
  for (const child of children) {
    const name = nameOf(child)
    if (name === current) continue
    if (closed.has(name)) return false
    if (current !== undefined) closed.add(current)
    current = name
  }
  return true
}

function byName(children: readonly XmlElement[], scope: NamespacesInScope): [string, JsonXml | readonly JsonXml[]][] {
  const named = new Map<string, JsonXml[]>()
  for (const child of children) {
    const name = nameOf(child)
    const value = valueOf(child, scope)
    const values = named.get(name)
    if (values === undefined) named.set(name, [value])
    else values.push(value)
  }
  return [...named].map(([name, values]) => [name, values.length === 1 && values[0] !== undefined ? values[0] : values])
}

function inOrder(from: XmlElement, scope: NamespacesInScope): [string, readonly JsonXml[]][] {
  const mixed = from.children.some((child) => typeof child === 'string' && /[^ \t\r\n]/.test(child))
  const kept = mixed ? from.children : elementsOf(from)
  return [['#content', kept.map((child) => (typeof child === 'string' ? child : underName(child, scope)))]]
}

/** What has to be declared on an element: what it says itself, and what its names need. */
function declarationsOf(from: XmlElement, outer: NamespacesInScope): [string, string][] {
  const declared = new Map(Object.entries(from.declarations ?? {}))
  const need = (prefix: string, uri: string): void => {
    if ((declared.get(prefix) ?? outer.namespaceOf(prefix)) !== uri) declared.set(prefix, uri)
  }
  need(from.prefix, from.namespace)
  for (const { prefix, namespace } of from.attributes) if (prefix !== '' && prefix !== 'xml') need(prefix, namespace)
  return [...declared]
}

function nameOf({ prefix, name }: { readonly prefix: string; readonly name: string }): string {
  return prefix === '' ? name : `${prefix}:${name}`
}
