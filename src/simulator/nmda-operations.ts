import { NMDA_COMPARE_NS, NMDA_NS } from '../netconf/xml/namespaces.js'
import { failed, type Result, succeeded } from '../netconf/result.js'
import { errorInfo, type RpcError, rpcError } from '../netconf/rpc-error.js'
import {
  childOf,
  childrenOf,
  childText,
  element,
  elementsOf,
  textOf,
  type XmlElement,
} from '../netconf/xml/xml-tree.js'
import { type ConfigEdit, differences } from './config-differences.js'
import { SCHEMA } from './data-model.js'
import { editDatastore } from './datastore-operations.js'
import type { DatastoreName } from './datastores.js'
import type { Config } from './edit-config.js'
import { configNodes, stateNodes, toDepth, withoutOrigins, withOrigins } from './nmda-data.js'
import { content, okUnless, type ServerCall, type ServerOperation } from './server-call.js'
import { operationalDataOf } from './session-operations.js'
import { selectSubtrees } from './subtree-filter.js'

/** `<get-data>` and `<edit-data>` (RFC 8526). */
export const NMDA_OPERATIONS: Readonly<Record<string, ServerOperation>> = {
  'get-data': (call) => {
    const selected = selectedData(call)
    return selected.ok ? content(element(NMDA_NS, 'data', selected.value)) : okUnless([selected.error])
  },

  'edit-data': (call) => {
    const { operation } = call
    const target = datastoreOf(operation, NMDA_NS, 'datastore')
    if (!target.ok) return okUnless([target.error])
    if (target.value !== 'running' && target.value !== 'candidate')
      return okUnless([badParameter('invalid-value', 'datastore', `${target.value} cannot be written`)])
    const config = childOf(operation, NMDA_NS, 'config')
    if (config === undefined) return okUnless([badParameter('missing-element', 'config', '<config> is missing')])
    const said = childText(operation, NMDA_NS, 'default-operation') ?? 'merge'
    const defaultOperation = (['merge', 'replace', 'none'] as const).find((word) => word === said)
    if (defaultOperation === undefined)
      return okUnless([badParameter('invalid-value', 'default-operation', 'it is merge, replace or none')])
    return editDatastore(call, target.value, {
      edits: elementsOf(config),
      defaultOperation,
      testOption: 'test-then-set',
      // "The server will … restore the specified configuration to its complete state at the start" (RFC 8526 §3.1.2).
      errorOption: 'rollback-on-error',
    })
  },
}

/** `<compare>` (RFC 9144). */
export const COMPARE_OPERATIONS: Readonly<Record<string, ServerOperation>> = {
  compare: (call) => {
    const all = childOf(call.operation, NMDA_COMPARE_NS, 'all') !== undefined
    const sides = (['source', 'target'] as const).map((role) => {
      const datastore = datastoreOf(call.operation, NMDA_COMPARE_NS, role)
      if (!datastore.ok) return datastore
      const data = dataOf(call, datastore.value)
      // Without `all`, only nodes count that both datastores can hold.
      return subtreesOf(call.operation, NMDA_COMPARE_NS, all ? data : configNodes(data))
    })
    const [source, target] = sides
    if (source?.ok !== true || target?.ok !== true) {
      const errors = sides.flatMap((side) => (side.ok ? [] : [side.error]))
      return okUnless(errors.slice(0, 1))
    }
    const edits = differences({ source: source.value, target: target.value }, SCHEMA)
    return content(edits.length === 0 ? compared('no-matches') : compared('differences', [yangPatch(edits)]))
  },
}

type NmdaDatastore = DatastoreName | 'intended' | 'operational'

const DATASTORES: readonly NmdaDatastore[] = ['running', 'candidate', 'intended', 'operational']

/** The datastore that an identity names: `ds:operational`. */
function datastoreOf(operation: XmlElement, namespace: string, role: string): Result<NmdaDatastore, RpcError> {
  const text = childText(operation, namespace, role)
  if (text === undefined) return failed(badParameter('missing-element', role, `<${role}> is missing`))
  const found = DATASTORES.find((name) => name === text.replace(/^.*:/, ''))
  return found === undefined
    ? failed(badParameter('invalid-value', role, `there is no datastore ${text.slice(0, 40)} here`))
    : succeeded(found)
}

function dataOf(call: ServerCall, datastore: NmdaDatastore): Config {
  if (datastore === 'operational') return operationalDataOf(call)
  // Nothing of the configuration is inactive or made from a template.
  return call.device.datastores.config(datastore === 'intended' ? 'running' : datastore)
}

/** What a `<get-data>` asks for, as its filters leave it. */
function selectedData(call: ServerCall): Result<readonly XmlElement[], RpcError> {
  const { operation } = call
  const datastore = datastoreOf(operation, NMDA_NS, 'datastore')
  if (!datastore.ok) return datastore
  const isOperational = datastore.value === 'operational'
  const origins = ['origin-filter', 'negated-origin-filter', 'with-origin'].find(
    (name) => childOf(operation, NMDA_NS, name) !== undefined,
  )
  if (origins !== undefined && !isOperational)
    return failed(badParameter('unknown-element', origins, 'only operational has origins'))
  const selected = subtreesOf(operation, NMDA_NS, dataOf(call, datastore.value))
  if (!selected.ok) return selected
  const depth = childText(operation, NMDA_NS, 'max-depth') ?? 'unbounded'
  if (depth !== 'unbounded' && !/^[1-9]\d{0,4}$/.test(depth))
    return failed(badParameter('invalid-value', 'max-depth', 'it is a number from 1, or unbounded'))

  const kind = childText(operation, NMDA_NS, 'config-filter')
  if (kind !== undefined && kind !== 'true' && kind !== 'false')
    return failed(badParameter('invalid-value', 'config-filter', 'it is true or false'))
  const ofKind = { true: configNodes(selected.value), false: stateNodes(selected.value) }
  const named = (name: string): readonly string[] =>
    childrenOf(operation, NMDA_NS, name).map((one) => textOf(one).trim().replace(/^.*:/, ''))
  const kept = withoutOrigins(kind === undefined ? selected.value : ofKind[kind], {
    wanted: named('origin-filter'),
    unwanted: named('negated-origin-filter'),
  })
  const shallow = depth === 'unbounded' ? kept : toDepth(kept, Number(depth))
  return succeeded(childOf(operation, NMDA_NS, 'with-origin') === undefined ? shallow : withOrigins(shallow))
}

/** Data as a `<subtree-filter>` wants it; all of it without one. */
function subtreesOf(
  operation: XmlElement,
  namespace: string,
  data: readonly XmlElement[],
): Result<readonly XmlElement[], RpcError> {
  if (childOf(operation, namespace, 'xpath-filter') !== undefined)
    return failed(badParameter('unknown-element', 'xpath-filter', 'only subtree filters are known'))
  const filter = childOf(operation, namespace, 'subtree-filter')
  return succeeded(filter === undefined ? data : selectSubtrees(data, elementsOf(filter)))
}

/** A YANG patch (RFC 8072) with the values that the source has (RFC 9144 §4). */
function yangPatch(edits: readonly ConfigEdit[]): XmlElement {
  return compared('yang-patch', [
    compared('patch-id', 'differences'),
    ...edits.map(({ operation, target, value, sourceValue }, at) =>
      compared('edit', [
        compared('edit-id', String(at + 1)),
        compared('operation', operation),
        compared('target', target),
        ...(value === undefined ? [] : [compared('value', [value])]),
        ...(sourceValue === undefined ? [] : [compared('source-value', [sourceValue])]),
      ]),
    ),
  ])
}

function compared(name: string, body?: string | readonly XmlElement[]): XmlElement {
  return element(NMDA_COMPARE_NS, name, body)
}

function badParameter(tag: RpcError['tag'], name: string, message: string): RpcError {
  return rpcError(tag, message, { type: 'protocol', info: [errorInfo.badElement(name)] })
}
