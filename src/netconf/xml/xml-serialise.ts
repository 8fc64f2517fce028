import { NETCONF_NS, XML_NS } from './namespaces.js'
import { NamespacesInScope } from '../namespaces-in-scope.js'
import type { XmlAttribute, XmlElement } from './xml-tree.js'

const PROLOG = '<?xml version="1.0" encoding="UTF-8"?>\n'

/**
 * Writes a tree so that it parses back to itself, declaring what namespaces it needs. `>` is always escaped, so the
 * text never holds `]]>]]>`.
 * @param options `defaultNamespace`: the default namespace where the text will stand
 * @throws TypeError for a character that XML 1.0 cannot hold; ask `isXmlText` first where text comes from outside
 */
export function serialiseXml(
  root: XmlElement,
  options: { readonly prolog?: boolean; readonly defaultNamespace?: string } = {},
): string {
  const parts: string[] = options.prolog === true ? [PROLOG] : []
  const outer = new NamespacesInScope([
    ['', options.defaultNamespace ?? ''],
    ['xml', XML_NS],
  ])
  writeElement(root, outer, parts)
  return parts.join('')
}

/** Characters that XML 1.0 §2.2 leaves out. */
// eslint-disable-next-line no-control-regex
const LEFT_OUT = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/
/** Half of a surrogate pair without the other half. */
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/
const NO_XML_TEXT = new RegExp(`${LEFT_OUT.source}|${LONE_SURROGATE.source}`)

/** Whether text can stand in an XML 1.0 document at all. */
export function isXmlText(text: string): boolean {
  return !NO_XML_TEXT.test(text)
}

/** Text as it stands between tags. */
export function escapeText(text: string): string {
  if (!isXmlText(text)) throw new TypeError('the text holds a character that XML 1.0 cannot hold')
  return text.replace(/[&<>\r]/g, (character) => ESCAPES[character] ?? character)
}

/** Text as it stands between double quotes. */
export function escapeAttribute(value: string): string {
  if (!isXmlText(value)) throw new TypeError('the attribute holds a character that XML 1.0 cannot hold')
  return value.replace(/[&<>"\r\n\t]/g, (character) => ESCAPES[character] ?? character)
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
  '\n': '&#10;',
  '\t': '&#9;',
}

function writeElement(written: XmlElement, scope: NamespacesInScope, parts: string[]): void {
  if (written.written !== undefined) {
    if (scope.namespaceOf('') !== NETCONF_NS) throw new Error('what was written for another place cannot stand here')
    parts.push(written.written)
    return
  }
  const declared = new Map<string, string>()
  // A prefix stands for a namespace: without one there is nothing for it to stand for.
  const prefix = written.namespace === '' ? '' : written.prefix
  if (scope.namespaceOf(prefix) !== written.namespace) declared.set(prefix, written.namespace)
  for (const [kept, uri] of Object.entries(written.declarations ?? {})) {
    if (kept !== prefix && scope.namespaceOf(kept) !== uri) declared.set(kept, uri)
  }
  const attributes = written.attributes.map((one) => writeAttribute(one, scope, declared))
  const tag = prefix === '' ? written.name : `${prefix}:${written.name}`
  parts.push('<', tag)
  for (const [name, uri] of declared) {
    parts.push(name === '' ? ' xmlns="' : ` xmlns:${name}="`, escapeAttribute(uri), '"')
  }
  for (const one of attributes) parts.push(one)
  if (written.children.length === 0) {
    parts.push('/>')
    return
  }
  parts.push('>')
  scope.enter(declared)
  for (const child of written.children) {
    if (typeof child === 'string') parts.push(escapeText(child))
    else writeElement(child, scope, parts)
  }
  scope.leave(declared)
  parts.push('</', tag, '>')
}

function writeAttribute(written: XmlAttribute, scope: NamespacesInScope, declared: Map<string, string>): string {
  const prefix = written.namespace === '' ? '' : attributePrefix(written, scope, declared)
  const name = prefix === '' ? written.name : `${prefix}:${written.name}`
  return ` ${name}="${escapeAttribute(written.value)}"`
}

/** A prefix for the attribute's namespace: its own if free, else one in scope, else a new one. */
function attributePrefix(written: XmlAttribute, scope: NamespacesInScope, declared: Map<string, string>): string {
  const inScope = (prefix: string): string | undefined => declared.get(prefix) ?? scope.namespaceOf(prefix)
  if (written.prefix !== '' && inScope(written.prefix) === written.namespace) return written.prefix
  for (const [prefix, uri] of declared) if (prefix !== '' && uri === written.namespace) return prefix
  const known = scope.prefixOf(written.namespace)
  if (known !== undefined && inScope(known) === written.namespace) return known
  let chosen = written.prefix
  for (let number = declared.size + 1; chosen === '' || inScope(chosen) !== undefined; number += 1)
    chosen = `ns${number}`
  declared.set(chosen, written.namespace)
  return chosen
}
