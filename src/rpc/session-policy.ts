import { NOTIFICATION_NS } from '../netconf/xml/namespaces.js'
import { isNamed, type XmlElement } from '../netconf/xml/xml-tree.js'
import { operationNamed } from '../operations/register.js'
import { lockSession, ownSession, type SessionPolicy } from '../operations/session-policy.js'

/** Whether an operation may have an effect on the device, so that it is not to be carried out twice. */
export function mayHaveEffect(policy: SessionPolicy): boolean {
  return policy.on !== 'warm-session' || !policy.repeatable
}

/**
 * Which session an operation runs on, where the caller has opened none: any operation, also one that no file of
 * operations/ defines.
 */
export function sessionPolicyOf(operation: XmlElement): SessionPolicy {
  const defined = operationNamed(operation.name)
  if (defined?.namespace === operation.namespace) return defined.session(operation)
  if (['lock', 'unlock', 'partial-lock', 'partial-unlock'].includes(operation.name)) return lockSession
  // Junos and others name what shows state so; it is shared, but not repeated on the strength of its name.
  if (operation.name.startsWith('get-')) return { on: 'warm-session', repeatable: false }
  return ownSession
}

/** Whether an operation cannot be had over HTTP as an RPC at all. */
export function isSubscription(operation: XmlElement): boolean {
  return isNamed(operation, NOTIFICATION_NS, 'create-subscription') || operation.name === 'establish-subscription'
}
