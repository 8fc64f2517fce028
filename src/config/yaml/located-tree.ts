import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  Scalar,
  visit,
  type YAMLMap,
} from 'yaml'
import type { Environment } from './environment.js'
import type { ConfigError } from '../config-error.js'
import { interpolate } from './interpolate.js'
import { strangerText } from '../../lib/stranger-text.js'
import type { ValuePath } from './value-path.js'
import { unprotected } from './yaml-syntax.js'

/** Where a value stands: at its key, or at the item itself in a list. Line and column count from 1. */
export interface Place {
  readonly line: number
  readonly column: number
  /** Some of the value came from the environment, so it must never be shown. */
  readonly fromEnvironment: boolean
  /** A key alone inside { }, most likely the rest of a value that holds a comma, so it must not be shown either. */
  readonly bare: boolean
}

/** A YAML document as plain values: mappings without a prototype, lists, texts, and null where nothing was written. */
export interface LocatedTree {
  readonly value: unknown
  /** The place of a value, or of the nearest one around it when it is absent. */
  readonly placeOf: (path: ValuePath) => Place
  /** The same path in the words of the file, where a key stands under an older name. */
  readonly pathInFile: (path: ValuePath) => ValuePath
  readonly faults: readonly ConfigError[]
}

type Entries = YAMLMap<Node | null, Node | null>

interface Entry {
  readonly place: Place
  readonly value: Node | null
}

/**
 * Turns a parsed document into plain values: interpolates every scalar value, follows anchors and `<<` merges.
 * What YAML allows and a configuration does not want (the same key twice, tags, keys that are not words, anchors that
 * contain themselves or multiply without end) becomes a fault, and the rest of the tree is still there to be checked.
 * `nodeLimit` bounds how many values the anchors may multiply the file to.
 */
export function locateTree(
  { document, lines }: { readonly document: Document.Parsed; readonly lines: LineCounter },
  { environment, nodeLimit }: { readonly environment: Environment; readonly nodeLimit: number },
): LocatedTree {
  const places = new Map<string, Place>()
  const faults: ConfigError[] = []
  const within = new Set<Node>()
  const targets = aliasTargets(document)
  let nodes = 0

  const root = placeAt(undefined)
  const value = read(document.contents, [], root)
  const placeOf = (path: ValuePath): Place =>
    places.get(pathKey(path)) ?? (path.length === 0 ? root : placeOf(path.slice(0, -1)))
  return { value, placeOf, pathInFile: (path) => path, faults }

  function placeAt(node: Node | null | undefined): Place {
    const { line, col } = lines.linePos(node?.range?.[0] ?? 0)
    return { line: Math.max(line, 1), column: Math.max(col, 1), fromEnvironment: false, bare: false }
  }

  function fault(
    { path, place }: { readonly path: ValuePath; readonly place: Place },
    message: string,
    hint?: string,
  ): void {
    faults.push({ path, place, message, ...(hint === undefined ? {} : { hint }) })
  }

  function read(node: Node | null, path: ValuePath, place: Place): unknown {
    places.set(pathKey(path), place)
    nodes += 1
    if (nodes === nodeLimit) fault({ path, place }, 'the aliases of this file multiply it beyond reason')
    if (nodes >= nodeLimit || node === null) return null
    if (isAlias(node)) return read(target(node, path, place), path, place)
    if ('tag' in node && node.tag !== undefined)
      fault({ path, place }, 'a YAML tag', 'quote the value if the ! belongs to it')
    if (isScalar(node)) return readScalar(node, path, place)
    if (isMap<Node | null, Node | null>(node)) return guarded(node, () => readMap(node, path))
    if (isSeq<Node>(node))
      return guarded(node, () => node.items.map((item, at) => read(item, [...path, at], placeAt(item))))
    return null
  }

  function readScalar(node: Scalar, path: ValuePath, place: Place): string | null {
    const written = unprotected(typeof node.value === 'string' ? node.value : (node.source ?? ''))
    if (node.type === Scalar.PLAIN && ['', '~', 'null'].includes(written)) return null
    const { text, fromEnvironment, problems } = interpolate(written, environment)
    if (fromEnvironment) places.set(pathKey(path), { ...place, fromEnvironment })
    for (const { message, hint } of problems) fault({ path, place }, message, hint)
    return text
  }

  function readMap(map: Entries, path: ValuePath): Record<string, unknown> {
    const result: Record<string, unknown> = Object.create(null)
    for (const [key, entry] of entriesOf(map, path)) result[key] = read(entry.value, [...path, key], entry.place)
    return result
  }

  /** A mapping's own entries and those that `<<` merges into it; its own win, and earlier merged ones over later. */
  function entriesOf(map: Entries, path: ValuePath): Map<string, Entry> {
    const entries = new Map<string, Entry>()
    const merged: Entry[] = []
    for (const pair of map.items) {
      const place = { ...placeAt(pair.key ?? pair.value), bare: map.flow === true && pair.value === null }
      const key = isScalar(pair.key) && typeof pair.key.value === 'string' ? pair.key.value : undefined
      const earlier = entries.get(key ?? '')
      if (key === '<<') merged.push({ place, value: pair.value })
      else if (key === undefined) fault({ path, place }, 'a key that is not a plain word')
      else if (unprotected(key) !== key)
        fault({ path, place }, '`${…}` in a key', 'only values are taken from the environment')
      else if (key === '__proto__') fault({ path, place }, 'a key of this name is not allowed')
      else if (earlier === undefined) entries.set(key, { place, value: pair.value })
      else {
        const { line } = earlier.place
        const message = `the key \`${strangerText(key)}\` is here a second time, it is already on line ${line}`
        fault({ path: [...path, key], place }, message, 'keep one of them')
      }
    }
    for (const { place, value: source } of merged)
      for (const [key, entry] of mergedEntries(source, path, place)) if (!entries.has(key)) entries.set(key, entry)
    return entries
  }

  function mergedEntries(node: Node | null, path: ValuePath, place: Place): Map<string, Entry> {
    const source = isAlias(node) ? target(node, path, place) : node
    if (isMap<Node | null, Node | null>(source)) return guarded(source, () => entriesOf(source, path))
    if (isSeq<Node>(source)) {
      const all = source.items.map((item) => [...mergedEntries(item, path, place)])
      return new Map(all.toReversed().flat())
    }
    if (source !== null || !isAlias(node)) fault({ path, place }, '`<<` merges mappings only')
    return new Map()
  }

  /** The node that an alias stands for; a fault and nothing when there is none, or when the alias stands within it. */
  function target(alias: Alias, path: ValuePath, place: Place): Node | null {
    const node = targets.get(alias)
    if (node !== undefined && !within.has(node)) return node
    const message =
      node === undefined ? 'an alias of an anchor that is not set above it' : 'an anchor that contains itself'
    fault({ path, place }, message, 'quote the value if the * belongs to it')
    return null
  }

  function guarded<T>(node: Node, readInside: () => T): T {
    within.add(node)
    const held = readInside()
    within.delete(node)
    return held
  }
}

/**
 * What every alias stands for: the last anchor of its name before it. In one pass, because resolving each walks the
 * document.
 */
function aliasTargets(document: Document.Parsed): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>()
  const targets = new Map<Alias, Node>()
  visit(document, {
    Node: (_, node) => {
      const target = isAlias(node) ? anchors.get(node.source) : undefined
      if (isAlias(node) && target !== undefined) targets.set(node, target)
      if (!isAlias(node) && node.anchor !== undefined) anchors.set(node.anchor, node)
    },
  })
  return targets
}

function pathKey(path: ValuePath): string {
  return JSON.stringify(path)
}
