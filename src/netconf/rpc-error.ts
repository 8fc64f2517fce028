import { NETCONF_NS, XML_NS } from './xml/namespaces.js'
import { attribute, childOf, childText, element, elementsOf, textOf, type XmlElement } from './xml/xml-tree.js'

/** Every `error-tag` of RFC 6241 appendix A. */
export const ERROR_TAGS = [
  'in-use',
  'invalid-value',
  'too-big',
  'missing-attribute',
  'bad-attribute',
  'unknown-attribute',
  'missing-element',
  'bad-element',
  'unknown-element',
  'unknown-namespace',
  'access-denied',
  'lock-denied',
  'resource-denied',
  'rollback-failed',
  'data-exists',
  'data-missing',
  'operation-not-supported',
  'operation-failed',
  'partial-operation',
  'malformed-message',
] as const

export type ErrorTag = (typeof ERROR_TAGS)[number]

export type ErrorType = 'transport' | 'rpc' | 'protocol' | 'application'

/** One `<rpc-error>` (RFC 6241 §4.3). A peer's own tag that is not in appendix A is read as `operation-failed`. */
export interface RpcError {
  readonly type: ErrorType
  readonly tag: ErrorTag
  readonly severity: 'error' | 'warning'
  readonly appTag?: string
  /** XPath, with the namespaces of its prefixes in `pathNamespaces`. */
  readonly path?: string
  readonly pathNamespaces?: Readonly<Record<string, string>>
  readonly message?: string
  /** The children of `<error-info>`. */
  readonly info?: readonly XmlElement[]
}

const ERROR_TYPES: readonly ErrorType[] = ['transport', 'rpc', 'protocol', 'application']

/** An error of severity `error`; its type is `application` unless said otherwise. */
export function rpcError(
  tag: ErrorTag,
  message: string,
  more: Partial<Omit<RpcError, 'tag' | 'message'>> = {},
): RpcError {
  return { type: 'application', severity: 'error', ...more, tag, message }
}

/** `<error-info>` members by the names of RFC 6241 appendix A. */
export const errorInfo = {
  badAttribute: (name: string) => element(NETCONF_NS, 'bad-attribute', name),
  badElement: (name: string) => element(NETCONF_NS, 'bad-element', name),
  badNamespace: (uri: string) => element(NETCONF_NS, 'bad-namespace', uri),
  sessionId: (id: number) => element(NETCONF_NS, 'session-id', String(id)),
} as const

/** The error as it stands in an `<rpc-reply>`. */
export function buildRpcError(error: RpcError): XmlElement {
  const message =
    error.message === undefined
      ? []
      : [
          element(NETCONF_NS, 'error-message', error.message, {
            attributes: [attribute('lang', 'en', { namespace: XML_NS, prefix: 'xml' })],
          }),
        ]
  const path =
    error.path === undefined
      ? []
      : [element(NETCONF_NS, 'error-path', error.path, { declarations: error.pathNamespaces ?? {} })]
  return element(NETCONF_NS, 'rpc-error', [
    ...field('error-type', error.type),
    ...field('error-tag', error.tag),
    ...field('error-severity', error.severity),
    ...field('error-app-tag', error.appTag),
    ...path,
    ...message,
    ...(error.info === undefined || error.info.length === 0 ? [] : [element(NETCONF_NS, 'error-info', error.info)]),
  ])
}

/** Reads an `<rpc-error>`, with or without the namespace, and with what fields the peer cared to send. */
export function rpcErrorOf(found: XmlElement): RpcError {
  const text = (name: string): string | undefined => childText(found, found.namespace, name)
  const type = text('error-type')
  const tag = text('error-tag')
  const appTag = text('error-app-tag')
  const pathElement = childOf(found, found.namespace, 'error-path')
  const message = text('error-message')
  const info = childOf(found, found.namespace, 'error-info')
  return {
    type: ERROR_TYPES.find((known) => known === type) ?? 'application',
    tag: ERROR_TAGS.find((known) => known === tag) ?? 'operation-failed',
    severity: text('error-severity') === 'warning' ? 'warning' : 'error',
    ...(appTag === undefined ? {} : { appTag }),
    ...(pathElement === undefined ? {} : { path: textOf(pathElement).trim() }),
    ...(pathElement?.declarations === undefined ? {} : { pathNamespaces: pathElement.declarations }),
    ...(message === undefined ? {} : { message }),
    ...(info === undefined ? {} : { info: elementsOf(info) }),
  }
}

/** One line for a log or a person. */
export function describeRpcError(error: RpcError): string {
  const where = error.path === undefined ? '' : ` at ${error.path}`
  const info = (error.info ?? []).map((one) => `${one.name} ${textOf(one).trim()}`).join(', ')
  return `${error.tag}${where}: ${error.message ?? 'no message'}${info === '' ? '' : ` (${info})`}`
}

function field(name: string, value: string | undefined): readonly XmlElement[] {
  return value === undefined ? [] : [element(NETCONF_NS, name, value)]
}
