import { MONITORING_NS, NETCONF_NS, NMDA_COMPARE_NS, NMDA_NS, NOTIFICATION_NS } from '../netconf/xml/namespaces.js'
import { rpcOf } from '../netconf/rpc.js'
import { errorInfo } from '../netconf/rpc-error.js'
import type { XmlAttribute, XmlElement } from '../netconf/xml/xml-tree.js'
import { TEST_NS } from './data-model.js'
import { DATASTORE_OPERATIONS } from './datastore-operations.js'
import { JUNOS_OPERATIONS } from './junos-operations.js'
import type { Dialect } from './dialect.js'
import { COMPARE_OPERATIONS, NMDA_OPERATIONS } from './nmda-operations.js'
import { refuse, type ServerAnswer, type ServerCall, type ServerOperation } from './server-call.js'
import {
  MONITORING_OPERATIONS,
  NOTIFICATION_OPERATIONS,
  SESSION_OPERATIONS,
  TEST_OPERATIONS,
} from './session-operations.js'

/** A request's answer and the attributes that its reply repeats. */
export interface AnsweredRpc {
  readonly answer: ServerAnswer
  readonly attributes: readonly XmlAttribute[]
}

type OperationTables = Readonly<Record<string, Readonly<Record<string, ServerOperation>>>>

const OPERATIONS: OperationTables = {
  [NETCONF_NS]: { ...DATASTORE_OPERATIONS, ...SESSION_OPERATIONS },
  [MONITORING_NS]: MONITORING_OPERATIONS,
  [NOTIFICATION_NS]: NOTIFICATION_OPERATIONS,
  [TEST_NS]: TEST_OPERATIONS,
}

/** Junos has no datastores of NMDA. */
const PLAIN_OPERATIONS: OperationTables = {
  ...OPERATIONS,
  [NMDA_NS]: NMDA_OPERATIONS,
  [NMDA_COMPARE_NS]: COMPARE_OPERATIONS,
}

/** Carries out a request; undefined when the message is no `<rpc>` at all. */
export function answerRpc(
  root: XmlElement,
  context: Omit<ServerCall, 'operation'> & { readonly dialect: Dialect; readonly interleave: boolean },
): AnsweredRpc | undefined {
  const rpc = rpcOf(context.dialect.understand(root))
  if (rpc === undefined) return undefined
  const answered = (answer: ServerAnswer): AnsweredRpc => ({ answer, attributes: rpc.attributes })
  if (rpc.messageId === undefined && context.dialect.requiresMessageId) {
    const info = [errorInfo.badAttribute('message-id'), errorInfo.badElement('rpc')]
    return answered(refuse('missing-attribute', 'the <rpc> has no message-id', { info, type: 'rpc' }))
  }
  const [operation, surplus] = rpc.operations
  if (operation === undefined)
    return answered(refuse('missing-element', 'the <rpc> holds no operation', { type: 'rpc' }))
  if (surplus !== undefined) {
    const info = [errorInfo.badElement(surplus.name)]
    return answered(refuse('unknown-element', 'the <rpc> holds more than one operation', { info, type: 'rpc' }))
  }
  const known = operationNamed(operation, context.dialect)
  if (known === undefined) {
    const info = [errorInfo.badElement(operation.name)]
    return answered(refuse('operation-not-supported', `there is no operation <${operation.name}> here`, { info }))
  }
  const closing = operation.namespace === NETCONF_NS && operation.name === 'close-session'
  if (context.subscription.active() && !context.interleave && !closing) {
    return answered(refuse('operation-failed', 'this session is subscribed, and the server cannot interleave'))
  }
  return answered(known({ ...context, operation }))
}

function operationNamed(operation: XmlElement, dialect: Dialect): ServerOperation | undefined {
  const tables = dialect.name === 'plain' ? PLAIN_OPERATIONS : OPERATIONS
  const table = Object.hasOwn(tables, operation.namespace) ? tables[operation.namespace] : undefined
  if (table !== undefined && Object.hasOwn(table, operation.name)) return table[operation.name]
  const junos = dialect.name === 'junos' && Object.hasOwn(JUNOS_OPERATIONS, operation.name)
  return junos ? JUNOS_OPERATIONS[operation.name] : undefined
}
