import { setImmediate as nextTurn } from 'node:timers/promises'
import { type SaxesAttributeNS, type SaxesOptions, SaxesParser, type SaxesTagNS } from 'saxes'
import { failed, type Result, succeeded } from '../result.js'
import { rememberNamespaces } from '../remember-namespaces.js'
import type { XmlAttribute, XmlElement, XmlNode } from './xml-tree.js'

/** Why a document was not taken; `cause` names line and column where there is one. */
export interface XmlError {
  readonly kind: 'not-utf8' | 'version' | 'not-well-formed' | 'doctype' | 'too-deep' | 'too-many-attributes' | 'too-big'
  readonly cause: string
  readonly hint: string
}

/** Bounds on a document: bytes (or characters of a string), levels of elements, and elements in all. */
export interface XmlLimits {
  readonly maxSize?: number
  readonly maxDepth?: number
  readonly maxElements?: number
}

const DEFAULT_MAX_SIZE = 64 * 1024 * 1024
const DEFAULT_MAX_DEPTH = 256
/** Attributes and declarations of one element: all of them are looked at together, when its start tag ends. */
const MAX_ATTRIBUTES = 1000
const ROOT_TAG_SLICE = 4096
/** Characters of a document that are parsed at a stretch, and of one that is parsed in one turn in any case. */
const GENTLE_SLICE = 8 * 1024
const SHORT = 32 * 1024
/** Milliseconds of parsing in a turn; the slice that goes beyond it is the last one. */
const TURN = 5

/** Parses a document, namespaces resolved. DOCTYPE is refused, so there are no entities but XML's own five. */
export function parseXml(document: Buffer | string, limits: XmlLimits = {}): Result<XmlElement, XmlError> {
  const maxSize = limits.maxSize ?? DEFAULT_MAX_SIZE
  if (document.length > maxSize) return failed(xmlError('too-big', `the document is larger than ${maxSize}`))
  const text = decodeText(document)
  if (!text.ok) return text
  const builder = createTreeBuilder(limits)
  try {
    builder.parser.write(text.value).close()
  } catch (thrown) {
    if (thrown instanceof ParseError) return failed(thrown.error)
    throw thrown
  }
  const root = builder.root()
  return root === undefined ? failed(xmlError('not-well-formed', 'there is no root element')) : succeeded(root)
}

/** The same for a document that may be long: whatever else the process does goes on meanwhile. */
export async function parseXmlGently(
  document: Buffer | string,
  limits: XmlLimits = {},
): Promise<Result<XmlElement, XmlError>> {
  if (document.length <= SHORT) return parseXml(document, limits)
  const maxSize = limits.maxSize ?? DEFAULT_MAX_SIZE
  if (document.length > maxSize) return failed(xmlError('too-big', `the document is larger than ${maxSize}`))
  const text = decodeText(document)
  if (!text.ok) return text
  const builder = createTreeBuilder(limits)
  try {
    let end = performance.now() + TURN
    for (let at = 0; at < text.value.length; at += GENTLE_SLICE) {
      builder.parser.write(text.value.slice(at, at + GENTLE_SLICE))
      if (performance.now() < end) continue
      await nextTurn()
      end = performance.now() + TURN
    }
    builder.parser.close()
  } catch (thrown) {
    if (thrown instanceof ParseError) return failed(thrown.error)
    throw thrown
  }
  const root = builder.root()
  return root === undefined ? failed(xmlError('not-well-formed', 'there is no root element')) : succeeded(root)
}

/**
 * Reads no further than the root's start tag: who a message is for without parsing what it holds.
 * The element has no children, and the rest of the document is not checked.
 */
export function parseRootTag(document: Buffer | string): Result<XmlElement, XmlError> {
  const builder = createTreeBuilder({})
  const decoder = new TextDecoder()
  let begun = false
  try {
    for (let at = 0; at < document.length; at += ROOT_TAG_SLICE) {
      const part: Buffer | string = document.slice(at, at + ROOT_TAG_SLICE)
      const text = typeof part === 'string' ? part : decoder.decode(part, { stream: true })
      const wanted: string = begun ? text : text.trimStart()
      begun ||= wanted !== ''
      builder.parser.write(wanted)
      const root = builder.rootTag()
      if (root !== undefined) return succeeded(root)
    }
    return failed(xmlError('not-well-formed', 'there is no root element'))
  } catch (thrown) {
    // What is wrong stands behind the tag.
    const root = builder.rootTag()
    if (root !== undefined) return succeeded(root)
    if (thrown instanceof ParseError) return failed(thrown.error)
    throw thrown
  }
}

function decodeText(document: Buffer | string): Result<string, XmlError> {
  try {
    const text = typeof document === 'string' ? document : new TextDecoder('utf-8', { fatal: true }).decode(document)
    // Bytes that are UTF-8 have none of these; the parser looks at no half of a pair.
    if (typeof document === 'string' && !document.isWellFormed())
      return failed(xmlError('not-utf8', 'the document has half of a surrogate pair, which no UTF-8 has'))
    // Peers put line feeds between messages; a prolog must come first all the same.
    return succeeded(text.trimStart())
  } catch {
    return failed(xmlError('not-utf8', 'the document is not UTF-8'))
  }
}

function createTreeBuilder({ maxDepth = DEFAULT_MAX_DEPTH, maxElements = Infinity }: XmlLimits) {
  // No more than six handlers: with seven the parser is a dictionary to V8, and four times as slow.
  const parser = new Xml10Parser({ xmlns: true, defaultXMLVersion: '1.0', forceXMLVersion: true })
  const open: { readonly tag: XmlElement; readonly children: XmlNode[]; readonly read: SaxesTagNS }[] = []
  let attributes = 0
  let elements = 0
  let rootTag: XmlElement | undefined
  let root: XmlElement | undefined

  const addText = (text: string): void => {
    const parent = open.at(-1)
    if (parent === undefined) return
    const last = parent.children.at(-1)
    if (typeof last === 'string') parent.children[parent.children.length - 1] = last + text
    else parent.children.push(text)
  }

  parser.on('error', (error) => {
    throw new ParseError(xmlError('not-well-formed', shortened(error.message)))
  })
  parser.on('attribute', () => {
    attributes += 1
    if (attributes > MAX_ATTRIBUTES)
      throw new ParseError(xmlError('too-many-attributes', `an element has more than ${MAX_ATTRIBUTES} attributes`))
  })
  parser.on('opentag', (tag) => {
    attributes = 0
    elements += 1
    if (elements > maxElements)
      throw new ParseError(xmlError('too-big', `the document has more than ${maxElements} elements`))
    if (open.length >= maxDepth) {
      throw new ParseError(xmlError('too-deep', `elements are nested deeper than ${maxDepth}`))
    }
    if (open.length === 0) checkEncoding(parser.xmlDecl.encoding)
    const opened = toElement(tag)
    rootTag ??= opened
    rememberNamespaces(open.at(-1)?.read, tag)
    open.push({ tag: opened, children: [], read: tag })
  })
  parser.on('text', addText)
  parser.on('cdata', addText)
  parser.on('closetag', () => {
    const closed = open.pop()
    if (closed === undefined) return
    const finished: XmlElement = { ...closed.tag, children: closed.children }
    const parent = open.at(-1)
    if (parent === undefined) root = finished
    else parent.children.push(finished)
  })
  return { parser, rootTag: () => rootTag, root: () => root }
}

/**
 * A parser that reads XML 1.0 alone: 1.1 lets references stand for control characters, which nothing that is written
 * again may hold. The handlers are those of its prototype: more handlers of an object's own make it slow.
 */
class Xml10Parser extends SaxesParser<SaxesOptions & { xmlns: true }> {}
Xml10Parser.prototype.on('doctype', () => {
  throw new ParseError(xmlError('doctype', 'the document has a DOCTYPE'))
})
Xml10Parser.prototype.on('xmldecl', ({ version }) => {
  if (version !== '1.0') throw new ParseError(xmlError('version', `the document says that it is XML ${version}`))
})

function checkEncoding(encoding: string | undefined): void {
  if (encoding !== undefined && !/^(utf-8|us-ascii)$/i.test(encoding)) {
    throw new ParseError(xmlError('not-utf8', `the document says it is ${encoding}`))
  }
}

function toElement(tag: SaxesTagNS): XmlElement {
  const attributes: XmlAttribute[] = []
  const declarations: Record<string, string> = {}
  for (const found of Object.values(tag.attributes)) {
    if (isDeclaration(found)) declarations[found.prefix === '' ? '' : found.local] = found.value
    else attributes.push({ namespace: found.uri, name: found.local, prefix: found.prefix, value: found.value })
  }
  const bare = { namespace: tag.uri, name: tag.local, prefix: tag.prefix, attributes, children: [] }
  return Object.keys(declarations).length === 0 ? bare : { ...bare, declarations }
}

function isDeclaration(candidate: SaxesAttributeNS): boolean {
  return candidate.prefix === 'xmlns' || candidate.name === 'xmlns'
}

function xmlError(kind: XmlError['kind'], cause: string): XmlError {
  const hints: Record<XmlError['kind'], string> = {
    'not-utf8': 'NETCONF messages are UTF-8 (RFC 6241 §3)',
    'not-well-formed': 'send well-formed XML with its namespaces declared',
    version: 'NETCONF messages are XML 1.0; leave the XML declaration out',
    doctype: 'NETCONF messages have no document type (RFC 6241 §3.2)',
    'too-deep': 'flatten the document or raise the bound',
    'too-many-attributes': 'write what there is so much of as elements',
    'too-big': 'ask for less, or raise the bound',
  }
  return { kind, cause, hint: hints[kind] }
}

const shortened = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)

/** Carries a typed error out of the parser's callbacks. */
class ParseError extends Error {
  constructor(readonly error: XmlError) {
    super(error.cause)
  }
}
