import type { Context } from 'hono'
import { jsonToXml } from '../../../netconf/json-to-xml.js'
import { NETCONF_NS } from '../../../netconf/namespaces.js'
import { rpcOf } from '../../../netconf/rpc.js'
import { parseXmlGently } from '../../../netconf/xml-parse.js'
import { RPC_SCOPE } from '../../../netconf/xml-to-json.js'
import { textOf, type XmlAttribute, type XmlElement } from '../../../netconf/xml-tree.js'
import type { ApiEnv } from '../api.js'
import { answerProblem } from '../problem.js'
import { pointerTo } from '../handle-failures.js'

/** One operation that a client sent as it is. */
export interface ReadRpc {
  readonly operation: XmlElement
  /** Of the `<rpc>` around it, where there was one. */
  readonly attributes: readonly XmlAttribute[]
  /** The body as it came. */
  readonly body: Uint8Array
}

export type RpcReading =
  | { readonly ok: true; readonly rpc: ReadRpc }
  | { readonly ok: false; readonly response: Response }

/** Reads the body of a request: an operation, or an `<rpc>` around exactly one; as XML, or as JSON if it is declared so. */
export async function readRpc(c: Context<ApiEnv>, maxSize: number): Promise<RpcReading> {
  const body = new Uint8Array(await c.req.arrayBuffer())
  const root = isJson(c) ? readJson(c, body) : await readXml(c, body, maxSize)
  if (!root.ok) return root
  const wrapped = rpcOf(root.element)
  const operations = wrapped === undefined ? [root.element] : wrapped.operations
  const [operation, ...others] = operations
  if (operation === undefined || others.length > 0 || (wrapped !== undefined && textOf(root.element).trim() !== ''))
    return refused(
      answerProblem(c, 'malformed-xml', {
        message: `an <rpc> holds exactly one operation, this one holds ${operations.length}`,
        hint: 'send one request for each operation',
      }),
    )
  const attributes = wrapped?.attributes ?? []
  const inherited = wrapped === undefined ? {} : root.element.declarations
  return { ok: true, rpc: { operation: inNetconf(inheriting(operation, inherited)), attributes, body } }
}

type Root = { readonly ok: true; readonly element: XmlElement } | { readonly ok: false; readonly response: Response }

async function readXml(c: Context, body: Uint8Array, maxSize: number): Promise<Root> {
  const parsed = await parseXmlGently(Buffer.from(body), { maxSize })
  if (parsed.ok) return { ok: true, element: parsed.value }
  return refused(
    answerProblem(c, parsed.error.kind === 'version' ? 'invalid-request' : 'malformed-xml', {
      message: `the body is not taken: ${parsed.error.cause}`,
      hint: parsed.error.hint,
    }),
  )
}

function readJson(c: Context, body: Uint8Array): Root {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    const words = { message: 'the body cannot be read as JSON', hint: 'check its syntax' }
    return refused(answerProblem(c, 'malformed-json', words))
  }
  const read = jsonToXml(json, RPC_SCOPE)
  if (read.ok) return { ok: true, element: read.value }
  const { cause, path } = read.error
  return refused(
    answerProblem(c, 'invalid-request', {
      message: `the body is no XML as JSON: ${cause}`,
      hint: 'docs/http.md describes XML as JSON',
      errors: [{ pointer: pointerTo(path), detail: cause }],
    }),
  )
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
  const { '': _, ...declarations } = root.declarations ?? {}
  return { ...root, namespace: NETCONF_NS, children, declarations }
}

export function isJson(c: Context): boolean {
  return /^application\/(?:[\w.-]+\+)?json\b/i.test(c.req.header('content-type') ?? '')
}

const refused = (response: Response) => ({ ok: false, response }) as const
