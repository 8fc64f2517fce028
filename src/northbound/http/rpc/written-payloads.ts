import { jsonToElements } from '../../../netconf/xml/json-to-xml.js'
import { NETCONF_NS } from '../../../netconf/xml/namespaces.js'
import { failed, type Result, succeeded } from '../../../netconf/result.js'
import { readXmlFragment } from '../../../netconf/xml/xml-fragment.js'
import { serialiseXml } from '../../../netconf/xml/xml-serialise.js'
import { RPC_SCOPE } from '../../../netconf/xml/xml-to-json.js'
import type { XmlElement } from '../../../netconf/xml/xml-tree.js'
import type { WrittenElements } from '../../../operations/payload.js'
import { type PreparedOperation, prepareOperation } from '../../../rpc/prepared-operation.js'
import { type BodyFault, notWritable, parseJson, tooManyElements } from './rpc-body.js'

/** A payload that was read and written elsewhere, because it is large. */
export interface WrittenPayload extends WrittenElements {
  /** The payload is an operation that is sent as it is. */
  readonly prepared?: PreparedOperation
}

/** A body whose payloads were taken out of it. */
export interface BodyWithoutPayloads {
  /** Empty objects stand in the places of the payloads. */
  readonly json: unknown
  readonly payloads: readonly { readonly path: Path; readonly payload: WrittenPayload }[]
}

type Path = readonly (string | number)[]

/** Values in a body besides its payloads: a hundred thousand device ids, and the rest. */
const MOST_VALUES = 150_000

/**
 * Takes the payloads out of a body as operations have them: `config`, `rpc`, `filter`, `source/config`, and `config` of
 * each of the `edits`.
 */
export function takePayloadsOut(bytes: Uint8Array, maxElements: number): Result<BodyWithoutPayloads, BodyFault> {
  const json = parseJson(bytes)
  if (!json.ok) return json
  const payloads: { path: Path; payload: WrittenPayload }[] = []
  try {
    const rest = withoutPayloads(json.value, (path, value) =>
      payloads.push({ path, payload: writePayload(path, value, maxElements) }),
    )
    if (countOf(rest, MOST_VALUES) > MOST_VALUES)
      return failed({
        cause: 'invalid-request',
        message: `the body has more than ${MOST_VALUES} values besides its payloads`,
        hint: 'see /openapi.json',
      })
    return succeeded({ json: rest, payloads })
  } catch (thrown) {
    if (thrown instanceof Fault) return failed(thrown.fault)
    throw thrown
  }
}

function withoutPayloads(json: unknown, take: (path: Path, value: unknown) => void): unknown {
  if (!isObject(json)) return json
  const at = (path: Path, value: unknown): unknown => {
    if (!isPayload(value)) return value
    take(path, value)
    return {}
  }
  const ofConfig = (value: unknown, path: Path): unknown =>
    isObject(value) && 'config' in value ? { ...value, config: at([...path, 'config'], value['config']) } : value
  const rest: Record<string, unknown> = { ...json }
  for (const key of ['config', 'rpc']) if (key in rest) rest[key] = at([key], rest[key])
  if ('source' in rest) rest['source'] = ofConfig(rest['source'], ['source'])
  const { filter, edits } = rest
  // As text, a filter is a subtree.
  if (typeof filter === 'string') rest['filter'] = { subtree: at(['filter', 'subtree'], filter) }
  else if (isObject(filter) && 'subtree' in filter)
    rest['filter'] = { ...filter, subtree: at(['filter', 'subtree'], filter['subtree']) }
  if (Array.isArray(edits) && edits.length <= MOST_VALUES)
    rest['edits'] = edits.map((edit, index) => ofConfig(edit, ['edits', index]))
  return rest
}

function writePayload(path: Path, value: unknown, maxElements: number): WrittenPayload {
  // The element that is put around a fragment counts as well.
  const read =
    typeof value === 'string'
      ? readXmlFragment(value, RPC_SCOPE, { maxElements: maxElements + 1 })
      : jsonToElements(value, RPC_SCOPE)
  if (!read.ok) {
    if ('kind' in read.error && read.error.kind === 'too-big')
      throw new Fault({ ...tooManyElements(read.error.cause), path })
    const within = 'path' in read.error ? read.error.path : []
    throw new Fault({
      cause: 'invalid-request',
      message: read.error.cause,
      hint: 'see /openapi.json, and docs/http.md for XML as JSON',
      path: [...path, ...within],
    })
  }
  const [only, ...others] = read.value
  const isOnly = only !== undefined && others.length === 0
  if (isOnly && path.length === 1 && path[0] === 'rpc') {
    const prepared = prepareOperation(only)
    if (!prepared.ok) throw new Fault({ ...notWritable(prepared.error), path })
    return { text: prepared.value.written.text, only: named(only), prepared: prepared.value }
  }
  try {
    const text = read.value.map((one) => serialiseXml(one, { defaultNamespace: NETCONF_NS })).join('')
    return { text, ...(isOnly ? { only: named(only) } : {}) }
  } catch (thrown) {
    if (thrown instanceof TypeError) throw new Fault({ ...notWritable(thrown.message), path })
    throw thrown
  }
}

const named = ({ namespace, name }: XmlElement) => ({ namespace, name })

/** How many values there are, counted no further than `most`. */
function countOf(json: unknown, most: number): number {
  let count = 0
  const left: unknown[] = [json]
  for (let value = left.pop(); count <= most && (value !== undefined || left.length > 0); value = left.pop()) {
    count += 1
    if (typeof value !== 'object' || value === null) continue
    const values = Object.values(value)
    if (values.length > most) return most + 1
    for (const one of values) left.push(one)
  }
  return count
}

function isPayload(value: unknown): boolean {
  return (typeof value === 'string' && value !== '') || isObject(value)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Carries a fault out of the walk. */
class Fault extends Error {
  constructor(readonly fault: BodyFault) {
    super(fault.message)
  }
}
