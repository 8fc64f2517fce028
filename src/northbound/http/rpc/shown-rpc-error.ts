import type { z } from '@hono/zod-openapi'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { NETCONF_NS } from '../../../netconf/xml/namespaces.js'
import type { ErrorTag, RpcError } from '../../../netconf/rpc-error.js'
import { EMPTY_SCOPE, type JsonXmlObject, type Scope, xmlToJson } from '../../../netconf/xml/xml-to-json.js'
import { element, type XmlElement } from '../../../netconf/xml/xml-tree.js'
import type { rpcErrorSchema } from '../problem.js'

/** The status of an error tag (RFC 8040 §7). Where that leaves a choice, the one that says more of a call. */
const STATUS: Partial<Record<ErrorTag, ContentfulStatusCode>> = {
  'in-use': 409,
  'lock-denied': 409,
  'resource-denied': 409,
  'data-exists': 409,
  'data-missing': 409,
  'access-denied': 403,
  'too-big': 413,
  'operation-not-supported': 501,
  'operation-failed': 500,
  'rollback-failed': 500,
  'partial-operation': 500,
}

/** `error-info` and what RFC 6241 puts into it need no declaration. */
const ERRORS_SCOPE: Scope = { ...EMPTY_SCOPE, '': NETCONF_NS }

export function statusOf(errors: readonly RpcError[]): ContentfulStatusCode {
  const [first] = errors
  return first === undefined ? 500 : (STATUS[first.tag] ?? 400)
}

/** An error as it stands in a problem. */
export function toRpcErrorView(error: RpcError): z.infer<typeof rpcErrorSchema> {
  const { type, tag, severity, appTag, path, pathNamespaces, message, info } = error
  return {
    type,
    tag,
    severity,
    ...(appTag === undefined ? {} : { 'app-tag': appTag }),
    ...(path === undefined ? {} : { path }),
    ...(pathNamespaces === undefined ? {} : { 'path-namespaces': { ...pathNamespaces } }),
    ...(message === undefined ? {} : { message }),
    ...(info === undefined || info.length === 0 ? {} : { info: toInfoView(info) }),
  }
}

function toInfoView(info: readonly XmlElement[]): JsonXmlObject {
  // It holds elements, so it is an object.
  return xmlToJson(element(NETCONF_NS, 'error-info', info), ERRORS_SCOPE)['error-info'] as JsonXmlObject
}
