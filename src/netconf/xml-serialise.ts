import { XML_NS } from './namespaces.js'
import type { XmlAttribute, XmlElement } from './xml-tree.js'

type Scope = Readonly<Record<string, string>>

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
  writeElement(root, { '': options.defaultNamespace ?? '', xml: XML_NS }, parts)
  return parts.join('')
}

/** Whether text can stand in an XML 1.0 document at all. */
export function isXmlText(text: string): boolean {
  // eslint-disable-next-line no-control-regex
  return !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(
    text,
  )
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

function writeElement(written: XmlElement, outer: Scope, parts: string[]): void {
  const declared: Record<string, string> = {}
  // A prefix stands for a namespace: without one there is nothing for it to stand for.
  const prefix = written.namespace === '' ? '' : written.prefix
  if (outer[prefix] !== written.namespace) declared[prefix] = written.namespace
  for (const [kept, uri] of Object.entries(written.declarations ?? {})) {
    if (kept !== prefix && outer[kept] !== uri) declared[kept] = uri
  }
  const attributes = written.attributes.map((one) => writeAttribute(one, outer, declared))
  const tag = prefix === '' ? written.name : `${prefix}:${written.name}`
  parts.push('<', tag)
  for (const [name, uri] of Object.entries(declared)) {
    parts.push(name === '' ? ' xmlns="' : ` xmlns:${name}="`, escapeAttribute(uri), '"')
  }
  parts.push(...attributes)
  if (written.children.length === 0) {
    parts.push('/>')
    return
  }
  parts.push('>')
  const scope = Object.keys(declared).length === 0 ? outer : { ...outer, ...declared }
  for (const child of written.children) {
    if (typeof child === 'string') parts.push(escapeText(child))
    else writeElement(child, scope, parts)
  }
  parts.push('</', tag, '>')
}

function writeAttribute(written: XmlAttribute, outer: Scope, declared: Record<string, string>): string {
  const prefix = written.namespace === '' ? '' : attributePrefix(written, outer, declared)
  const name = prefix === '' ? written.name : `${prefix}:${written.name}`
  return ` ${name}="${escapeAttribute(written.value)}"`
}

/** A prefix for the attribute's namespace: its own if free, else one in scope, else a new one. */
function attributePrefix(written: XmlAttribute, outer: Scope, declared: Record<string, string>): string {
  const inScope = (prefix: string): string | undefined => declared[prefix] ?? outer[prefix]
  if (written.prefix !== '' && inScope(written.prefix) === written.namespace) return written.prefix
  const known = Object.keys({ ...outer, ...declared }).find(
    (prefix) => prefix !== '' && inScope(prefix) === written.namespace,
  )
  if (known !== undefined) return known
  let chosen = written.prefix
  for (let number = 1; chosen === '' || inScope(chosen) !== undefined; number += 1) chosen = `ns${number}`
  declared[chosen] = written.namespace
  return chosen
}
