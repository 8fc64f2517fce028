import { failed, type Result, succeeded } from '../result.js'
import { NamespacesInScope } from '../namespaces-in-scope.js'
import { isXmlText } from './xml-serialise.js'
import type { XmlAttribute, XmlElement, XmlNode } from './xml-tree.js'
import { EMPTY_SCOPE, type Scope } from './xml-to-json.js'

/** Why JSON is not XML; `path` are the steps to what is at fault. */
export interface JsonXmlError {
  readonly cause: string
  readonly path: readonly (string | number)[]
}

const MAX_DEPTH = 256
/** Attributes and declarations of one element. */
const MAX_ATTRIBUTES = 1000
/**
 * NCName (Namespaces in XML 1.0 §3, with NameStartChar and NameChar of XML 1.0 §2.3): what we write every parser has to
 * read.
 */
const NAME_START =
  'A-Z_a-z\\u{c0}-\\u{d6}\\u{d8}-\\u{f6}\\u{f8}-\\u{2ff}\\u{370}-\\u{37d}\\u{37f}-\\u{1fff}' +
  '\\u{200c}\\u{200d}\\u{2070}-\\u{218f}' +
  '\\u{2c00}-\\u{2fef}\\u{3001}-\\u{d7ff}\\u{f900}-\\u{fdcf}\\u{fdf0}-\\u{fffd}\\u{10000}-\\u{effff}'
const NAME = new RegExp(`^[${NAME_START}][${NAME_START}\\-.0-9\\u{b7}\\u{300}-\\u{36f}\\u{203f}\\u{2040}]*$`, 'u')

/** Reads one element under its name, as `xmlToJson` writes it. */
export function jsonToXml(json: unknown, scope: Scope = EMPTY_SCOPE): Result<XmlElement, JsonXmlError> {
  const read = jsonToElements(json, scope)
  if (!read.ok) return read
  const [only, ...others] = read.value
  return only === undefined || others.length > 0
    ? failed({ cause: `expected one element under its name, found ${read.value.length}`, path: [] })
    : succeeded(only)
}

/**
 * Reads any number of elements under their names: what may stand inside an element. Beside what `xmlToJson` writes,
 * numbers, booleans, `null` and `{}` for an empty element are read.
 */
export function jsonToElements(json: unknown, scope: Scope = EMPTY_SCOPE): Result<readonly XmlElement[], JsonXmlError> {
  try {
    if (!isObject(json)) throw new Fault('expected an object of elements by name', undefined)
    const found = Object.keys(json).find((key) => /^[@#]/.test(key) && key !== '#content')
    if (found !== undefined) throw new Fault(`\`${found}\` stands in no element`, { step: found })
    const children = childrenOf(json, { depth: 0, scope: new NamespacesInScope(Object.entries(scope)) }, undefined)
    if (children.some((child) => typeof child === 'string'))
      throw new Fault('text stands in no element', { step: '#content' })
    return succeeded(children.filter((child): child is XmlElement => typeof child !== 'string'))
  } catch (thrown) {
    if (thrown instanceof Fault) return failed({ cause: thrown.message, path: stepsTo(thrown.path) })
    throw thrown
  }
}

/** The last step to a value, and those before it; a list of them would be copied for each value. */
type Path = { readonly step: string | number; readonly before?: Path } | undefined

function stepsTo(path: Path): readonly (string | number)[] {
  const steps: (string | number)[] = []
  for (let at = path; at !== undefined; at = at.before) steps.push(at.step)
  return steps.toReversed()
}

function below(before: Path, step: string | number): Path {
  return before === undefined ? { step } : { step, before }
}

/** A value of the JSON, and the way to it. */
interface Value {
  readonly held: unknown
  readonly path: Path
}

/** Where an element stands. */
interface Around {
  readonly depth: number
  readonly scope: NamespacesInScope
}

type JsonObject = Readonly<Record<string, unknown>>

function childrenOf(value: JsonObject, around: Around, path: Path): XmlNode[] {
  const children: XmlNode[] = []
  for (const [key, held] of Object.entries(value)) {
    if (key.startsWith('@')) continue
    const at = below(path, key)
    if (key === '#text') addText(children, textOf(held, at))
    else if (key === '#content') addContent(children, { held, path: at }, around)
    else if (Array.isArray(held))
      for (const [index, one] of held.entries())
        children.push(elementOf(key, { held: one, path: below(at, index) }, around))
    else children.push(elementOf(key, { held, path: at }, around))
  }
  return children
}

function addContent(children: XmlNode[], { held, path }: Value, around: Around): void {
  if (!Array.isArray(held)) throw new Fault('expected a list of texts and elements', path)
  for (const [index, one] of held.entries()) {
    const at = below(path, index)
    if (!isObject(one)) addText(children, textOf(one, at))
    else {
      const [name, ...others] = Object.keys(one)
      if (name === undefined || others.length > 0) throw new Fault('expected one element under its name', at)
      children.push(elementOf(name, { held: one[name], path: below(at, name) }, around))
    }
  }
}

function elementOf(key: string, { held, path }: Value, { depth, scope }: Around): XmlElement {
  if (depth >= MAX_DEPTH) throw new Fault(`elements are nested deeper than ${MAX_DEPTH}`, undefined)
  const { prefix, name } = splitName(key, path)
  if (!isObject(held)) {
    const text = held === null ? '' : textOf(held, path)
    return {
      namespace: namespaceOf(prefix, scope, path),
      prefix,
      name,
      attributes: [],
      children: text === '' ? [] : [text],
    }
  }
  const declarations = declarationsOf(held, path)
  scope.enter(declarations)
  const read: XmlElement = {
    namespace: namespaceOf(prefix, scope, path),
    prefix,
    name,
    attributes: attributesOf(held, scope, path),
    children: childrenOf(held, { depth: depth + 1, scope }, path),
    ...(declarations.length === 0 ? {} : { declarations: Object.fromEntries(declarations) }),
  }
  scope.leave(declarations)
  return read
}

function declarationsOf(held: JsonObject, path: Path): readonly (readonly [prefix: string, namespace: string])[] {
  return Object.entries(held).flatMap(([key, value]): [string, string][] => {
    const [, prefix] = /^@xmlns(?::(.+))?$/.exec(key) === null ? [] : ['', key.slice('@xmlns:'.length)]
    if (prefix === undefined) return []
    const at = below(path, key)
    const uri = textOf(value, at)
    if (prefix !== '' && (!NAME.test(prefix) || /^xml/i.test(prefix)))
      throw new Fault('this prefix cannot be declared', at)
    if (prefix !== '' && uri === '') throw new Fault('a prefix stands for no namespace', at)
    return [[prefix, uri]]
  })
}

function attributesOf(held: JsonObject, scope: NamespacesInScope, path: Path): XmlAttribute[] {
  const seen = new Set<string>()
  let count = 0
  return Object.entries(held).flatMap(([key, value]) => {
    if (!key.startsWith('@')) return []
    count += 1
    if (count > MAX_ATTRIBUTES) throw new Fault(`an element has more than ${MAX_ATTRIBUTES} attributes`, path)
    if (key === '@xmlns' || key.startsWith('@xmlns:')) return []
    const at = below(path, key)
    const { prefix, name } = splitName(key.slice(1), at)
    const namespace = prefix === '' ? '' : namespaceOf(prefix, scope, at)
    if (seen.has(`${namespace} ${name}`)) throw new Fault('this attribute stands here twice', at)
    seen.add(`${namespace} ${name}`)
    return [{ namespace, prefix, name, value: textOf(value, at) }]
  })
}

function namespaceOf(prefix: string, scope: NamespacesInScope, path: Path): string {
  const uri = scope.namespaceOf(prefix)
  if (uri === undefined) throw new Fault(`the prefix \`${prefix}\` is not declared; add "@xmlns:${prefix}"`, path)
  return uri
}

function splitName(written: string, path: Path): { readonly prefix: string; readonly name: string } {
  const colon = written.indexOf(':')
  const [prefix, name] = colon === -1 ? ['', written] : [written.slice(0, colon), written.slice(colon + 1)]
  if (!NAME.test(name) || (colon !== -1 && !NAME.test(prefix)))
    throw new Fault(`${JSON.stringify(written)} is no name of XML`, path)
  return { prefix, name }
}

function textOf(held: unknown, path: Path): string {
  if (typeof held === 'boolean') return String(held)
  if (typeof held === 'number') {
    const text = String(held)
    if (/e/.test(text) || (Number.isInteger(held) && !Number.isSafeInteger(held)))
      throw new Fault('this number may have lost digits; write it as a string', path)
    return text
  }
  if (typeof held !== 'string') throw new Fault(`expected text, found ${kindOf(held)}`, path)
  if (!isXmlText(held)) throw new Fault('the text has a character that XML 1.0 cannot hold', path)
  return held
}

/** Text that follows text is one text, as it would be parsed. */
function addText(children: XmlNode[], text: string): void {
  if (text === '') return
  const last = children.at(-1)
  if (typeof last === 'string') children[children.length - 1] = last + text
  else children.push(text)
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  return value === null ? 'null' : `an ${typeof value}`
}

/** Carries an error out of the recursion. */
class Fault extends Error {
  constructor(
    cause: string,
    readonly path: Path,
  ) {
    super(cause)
  }
}
