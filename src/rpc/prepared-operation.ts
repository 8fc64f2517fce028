import { type Operation, operationOf } from '../access/authz/operation.js'
import type { Need } from '../netconf/capabilities.js'
import { failed, type Result, succeeded } from '../netconf/result.js'
import { type WrittenOperation, writeOperation } from '../netconf/written-operation.js'
import type { XmlElement } from '../netconf/xml/xml-tree.js'
import type { SessionPolicy } from '../operations/session-policy.js'
import { isSubscription, sessionPolicyOf } from './session-policy.js'

/**
 * An operation as a call needs it: what rules look at, which session suits it, and its text. The tree itself is not
 * needed any more.
 */
export interface PreparedOperation {
  readonly about: Operation
  readonly policy: SessionPolicy
  readonly subscription: boolean
  readonly written: WrittenOperation
}

/** Prepares an operation, and what the device has to announce for it; the error says what XML cannot hold of it. */
export function prepareOperation(operation: XmlElement, needs?: Need): Result<PreparedOperation, string> {
  const written = writeOperation(operation)
  if (!written.ok) return failed(written.error)
  return succeeded({
    about: operationOf(operation),
    policy: sessionPolicyOf(operation),
    subscription: isSubscription(operation),
    written: needs === undefined ? written.value : { ...written.value, needs },
  })
}
