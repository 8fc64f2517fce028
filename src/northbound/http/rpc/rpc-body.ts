import { jsonToXml } from '../../../netconf/xml/json-to-xml.js'
import { NETCONF_NS } from '../../../netconf/xml/namespaces.js'
import { failed, type Result, succeeded } from '../../../netconf/result.js'
import { rpcOf } from '../../../netconf/rpc.js'
import { parseXml } from '../../../netconf/xml/xml-parse.js'
import { RPC_SCOPE } from '../../../netconf/xml/xml-to-json.js'
import { textOf, type XmlAttribute, type XmlElement } from '../../../netconf/xml/xml-tree.js'
import { type PreparedOperation, prepareOperation } from '../../../rpc/prepared-operation.js'

/** One operation that a client sent as it is. */
export interface RpcBody {
  readonly prepared: PreparedOperation
  /** Of the `<rpc>` around it, where there was one. */
  readonly attributes: readonly XmlAttribute[]
}

/** Why a body is no operation, in the words of a problem; `path` are the steps to a field of JSON. */
export interface BodyFault {
  readonly cause: 'malformed-xml' | 'malformed-json' | 'invalid-request' | 'body-too-large'
  readonly message: string
  readonly hint: string
  readonly path?: readonly (string | number)[]
}

/** Bounds on a request that is read: bytes, and XML elements. */
export interface BodyLimits {
  readonly maxSize: number
  readonly maxElements: number
}

/** Reads the body of a request: an operation, or an `<rpc>` around exactly one, as XML or as JSON. */
export function readRpcBody(bytes: Uint8Array, format: 'xml' | 'json', limits: BodyLimits): Result<RpcBody, BodyFault> {
  const read = format === 'json' ? readJson(bytes) : readXml(bytes, limits)
  if (!read.ok) return read
  const root = read.value
  const wrapped = rpcOf(root)
  const operations = wrapped === undefined ? [root] : wrapped.operations
  const [operation, ...others] = operations
  if (operation === undefined || others.length > 0 || (wrapped !== undefined && textOf(root).trim() !== ''))
    return failed({
      cause: 'malformed-xml',
      message: `an <rpc> holds exactly one operation, this one holds ${operations.length}`,
      hint: 'send one request for each operation',
    })
  const inherited = wrapped === undefined ? {} : root.declarations
  const prepared = prepareOperation(inNetconf(inheriting(operation, inherited)))
  if (!prepared.ok) return failed(notWritable(prepared.error))
  return succeeded({ prepared: prepared.value, attributes: wrapped?.attributes ?? [] })
}

/** The fault of a request that cannot be sent. */
export function notWritable(why: string): BodyFault {
  return {
    cause: 'invalid-request',
    message: `the request was not sent: ${why}`,
    hint: 'leave out characters that XML 1.0 does not have',
  }
}

function readXml(bytes: Uint8Array, limits: BodyLimits): Result<XmlElement, BodyFault> {
  const parsed = parseXml(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), limits)
  if (parsed.ok) return parsed
  const { kind, cause, hint } = parsed.error
  if (kind === 'too-big') return failed(tooManyElements(cause))
  return failed({
    cause: kind === 'version' ? 'invalid-request' : 'malformed-xml',
    message: `the body is not taken: ${cause}`,
    hint,
  })
}

/** The fault of XML with more elements than a request may have. */
export function tooManyElements(cause: string): BodyFault {
  return {
    cause: 'body-too-large',
    message: `the body is not taken: ${cause}`,
    hint: 'send less at a time, or raise endpoint.http.max-request-elements',
  }
}

function readJson(bytes: Uint8Array): Result<XmlElement, BodyFault> {
  const json = parseJson(bytes)
  if (!json.ok) return json
  const read = jsonToXml(json.value, RPC_SCOPE)
  if (read.ok) return read
  const { cause, path } = read.error
  return failed({
    cause: 'invalid-request',
    message: `the body is no XML as JSON: ${cause}`,
    hint: 'docs/http.md describes XML as JSON',
    path,
  })
}

/** Any JSON in UTF-8. */
export function parseJson(bytes: Uint8Array): Result<unknown, BodyFault> {
  try {
    return succeeded(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))
  } catch {
    return failed({ cause: 'malformed-json', message: 'the body cannot be read as JSON', hint: 'check its syntax' })
  }
}

/** An operation that has lost the element around it: prefixes that were declared there may stand in its text. */
function inheriting(operation: XmlElement, declared: XmlElement['declarations'] = {}): XmlElement {
  const { '': _, ...prefixes } = declared
  return { ...operation, declarations: { ...prefixes, ...operation.declarations } }
}

/** What has no namespace stands in NETCONF's own, as it would inside an `<rpc>` that declares it as the default. */
function inNetconf(root: XmlElement): XmlElement {
  if (root.namespace !== '') return root
  const children = root.children.map((child) => (typeof child === 'string' ? child : inNetconf(child)))
  const { name, prefix, attributes } = root
  const moved = { namespace: NETCONF_NS, name, prefix, attributes, children }
  if (root.declarations === undefined) return moved
  const { '': _, ...declarations } = root.declarations
  return { ...moved, declarations }
}
