import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { failed, type Result, succeeded } from '../netconf/result.js'
import { errorInfo, type RpcError, rpcError } from '../netconf/rpc-error.js'
import { childOf, childText, elementsOf, type XmlElement } from '../netconf/xml/xml-tree.js'
import type { ErrorOption } from './edit-config.js'

/** The parameters of `<edit-config>` with their defaults (RFC 6241 §7.2). */
export interface EditRequest {
  readonly edits: readonly XmlElement[]
  readonly defaultOperation: 'merge' | 'replace' | 'none'
  readonly testOption: 'test-then-set' | 'set' | 'test-only'
  readonly errorOption: ErrorOption
}

/** Reads the parameters of an `<edit-config>` element. */
export function editRequestOf(operation: XmlElement): Result<EditRequest, RpcError> {
  const config = childOf(operation, NETCONF_NS, 'config')
  if (config === undefined) return failed(problem('missing-element', 'config', '<config> is missing'))
  const defaultOperation = choice(operation, 'default-operation', ['merge', 'replace', 'none'])
  const testOption = choice(operation, 'test-option', ['test-then-set', 'set', 'test-only'])
  const errorOption = choice(operation, 'error-option', ['stop-on-error', 'continue-on-error', 'rollback-on-error'])
  if (!defaultOperation.ok) return defaultOperation
  if (!testOption.ok) return testOption
  if (!errorOption.ok) return errorOption
  return succeeded({
    edits: elementsOf(config),
    defaultOperation: defaultOperation.value,
    testOption: testOption.value,
    errorOption: errorOption.value,
  })
}

/** One of the known words, the first where nothing is said. */
function choice<Word extends string>(
  operation: XmlElement,
  name: string,
  words: readonly [Word, ...Word[]],
): Result<Word, RpcError> {
  const said = childText(operation, NETCONF_NS, name)
  const known = said === undefined ? words[0] : words.find((word) => word === said)
  return known === undefined
    ? failed(problem('invalid-value', name, `<${name}> is one of ${words.join(', ')}`))
    : succeeded(known)
}

function problem(tag: RpcError['tag'], name: string, message: string): RpcError {
  return rpcError(tag, message, { type: 'protocol', info: [errorInfo.badElement(name)] })
}
