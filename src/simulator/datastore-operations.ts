import { NETCONF_NS } from '../netconf/xml/namespaces.js'

import { failed, type Result, succeeded } from '../netconf/result.js'
import { errorInfo, type RpcError, rpcError } from '../netconf/rpc-error.js'
import { childOf, childText, element, elementsOf, type XmlElement } from '../netconf/xml/xml-tree.js'
import type { DatastoreName } from './datastores.js'
import { applyEdit, type Config, checkEdit } from './edit-config.js'
import { type EditRequest, editRequestOf } from './edit-request.js'
import { filtered } from './filter-request.js'
import { content, okUnless, type ServerAnswer, type ServerCall, type ServerOperation } from './server-call.js'
import { validateConfig } from './validate-config.js'

/** The operations of RFC 6241 that read and write configurations. */
export const DATASTORE_OPERATIONS: Readonly<Record<string, ServerOperation>> = {
  'get-config': (call) => {
    const source = sourceOf(call)
    if (!source.ok) return okUnless([source.error])
    const selected = filtered(source.value, call.operation)
    return selected.ok ? content(element(NETCONF_NS, 'data', selected.value)) : okUnless([selected.error])
  },

  'edit-config': (call) => {
    const target = targetOf(call.operation)
    const request = editRequestOf(call.operation)
    if (!target.ok) return okUnless([target.error])
    if (!request.ok) return okUnless([request.error])
    return editDatastore(call, target.value, request.value)
  },

  'copy-config': (call) => {
    const target = targetOf(call.operation)
    if (!target.ok) return okUnless([target.error])
    if (datastoreIn(call.operation, 'source') === target.value) {
      return okUnless([rpcError('invalid-value', 'source and target are the same', { type: 'protocol' })])
    }
    const source = sourceOf(call)
    if (!source.ok) return okUnless([source.error])
    const errors = [
      ...call.device.datastores.refusal(target.value, call.actor),
      ...(target.value === 'running' ? validateConfig(source.value) : []),
    ]
    if (errors.length === 0) call.device.datastores.write(target.value, source.value, call.actor)
    return okUnless(errors)
  },

  'delete-config': (call) => {
    const target = targetOf(call.operation)
    if (!target.ok) return okUnless([target.error])
    if (target.value === 'running') {
      return okUnless([rpcError('operation-not-supported', 'running cannot be deleted', { type: 'protocol' })])
    }
    const refused = call.device.datastores.refusal(target.value, call.actor)
    if (refused.length === 0) call.device.datastores.write(target.value, [], call.actor)
    return okUnless(refused)
  },

  validate: (call) => {
    const source = sourceOf(call)
    return okUnless(source.ok ? validateConfig(source.value) : [source.error])
  },

  commit: (call) => {
    const timeoutText = childText(call.operation, NETCONF_NS, 'confirm-timeout') ?? '600'
    if (!/^[1-9]\d{0,9}$/.test(timeoutText)) {
      const info = [errorInfo.badElement('confirm-timeout')]
      return okUnless([rpcError('invalid-value', 'confirm-timeout is seconds, from 1', { info })])
    }
    const persist = childText(call.operation, NETCONF_NS, 'persist')
    const persistId = childText(call.operation, NETCONF_NS, 'persist-id')
    const request = {
      confirmed: childOf(call.operation, NETCONF_NS, 'confirmed') !== undefined,
      timeout: Number(timeoutText),
      ...(persist === undefined ? {} : { persist }),
      ...(persistId === undefined ? {} : { persistId }),
    }
    return okUnless(call.device.datastores.commit(request, call.actor))
  },

  'cancel-commit': (call) =>
    okUnless(call.device.datastores.cancelCommit(childText(call.operation, NETCONF_NS, 'persist-id'), call.actor)),

  'discard-changes': (call) => okUnless(call.device.datastores.discardChanges(call.actor)),

  lock: (call) => {
    const target = targetOf(call.operation)
    return okUnless(target.ok ? call.device.datastores.lock(target.value, call.actor) : [target.error])
  },

  unlock: (call) => {
    const target = targetOf(call.operation)
    return okUnless(target.ok ? call.device.datastores.unlock(target.value, call.actor) : [target.error])
  },
}

/** Applies an edit to a datastore, where no other session has locked it. */
export function editDatastore(call: ServerCall, target: DatastoreName, request: EditRequest): ServerAnswer {
  const { datastores } = call.device
  const refused = datastores.refusal(target, call.actor)
  if (refused.length > 0) return okUnless(refused)

  const { edits, testOption } = request
  const before = datastores.config(target)
  const problems = testOption === 'set' ? [] : checkEdit(before, edits)
  if (problems.length > 0) return okUnless(problems)
  const outcome = applyEdit(before, edits, request)
  // Running must be fit to run at any time; the candidate only when it is committed.
  const invalid = target === 'running' || testOption === 'test-only' ? validateConfig(outcome.config) : []
  if (invalid.length > 0) return okUnless([...outcome.errors, ...invalid])
  if (testOption !== 'test-only' && outcome.config !== before) datastores.write(target, outcome.config, call.actor)
  return okUnless(outcome.errors)
}

function targetOf(operation: XmlElement): Result<DatastoreName, RpcError> {
  const found = datastoreIn(operation, 'target')
  if (found === 'running' || found === 'candidate') return succeeded(found)
  return failed(found === undefined ? missing('target') : unknownDatastore(found))
}

/** The configuration that `<source>` names or holds. */
function sourceOf(call: ServerCall): Result<Config, RpcError> {
  const found = datastoreIn(call.operation, 'source')
  if (found === 'running' || found === 'candidate') return succeeded(call.device.datastores.config(found))
  if (found === undefined) return failed(missing('source'))
  if (found !== 'config') return failed(unknownDatastore(found))
  const source = childOf(call.operation, NETCONF_NS, 'source')
  const inline = source === undefined ? undefined : childOf(source, NETCONF_NS, 'config')
  const read = applyEdit([], inline === undefined ? [] : elementsOf(inline), {
    defaultOperation: 'merge',
    errorOption: 'stop-on-error',
  })
  const problem = read.errors[0]
  return problem === undefined ? succeeded(read.config) : failed(problem)
}

function datastoreIn(operation: XmlElement, role: 'source' | 'target'): string | undefined {
  const holder = childOf(operation, NETCONF_NS, role)
  return holder === undefined ? undefined : elementsOf(holder)[0]?.name
}

function missing(name: string): RpcError {
  return rpcError('missing-element', `<${name}> is missing`, { type: 'protocol', info: [errorInfo.badElement(name)] })
}

function unknownDatastore(name: string): RpcError {
  const message = `there is no datastore <${name}> here`
  return rpcError('operation-not-supported', message, { type: 'protocol', info: [errorInfo.badElement(name)] })
}
