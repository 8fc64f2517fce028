import { MONITORING_NS, NETCONF_NS, NOTIFICATION_NS } from '../netconf/xml/namespaces.js'
import { childOf, isNamed, type XmlElement } from '../netconf/xml/xml-tree.js'

/** Which session an operation runs on, where the caller has opened none. */
export type SessionPolicy =
  /** A warm one, shared with others. A repeatable operation has no effect, so it is sent again when its session dies. */
  | { readonly on: 'warm-session'; readonly repeatable: boolean }
  /** One that is opened for it and closed behind it. */
  | { readonly on: 'own-session' }
  /** None: what it does would be undone at once by the end of its session. */
  | { readonly on: 'explicit-session'; readonly why: string; readonly hint: string }

const NMDA_NS = 'urn:ietf:params:xml:ns:yang:ietf-netconf-nmda'

/** Operations that only read, as their specifications say. */
const READS: readonly (readonly [namespace: string, name: string])[] = [
  [NETCONF_NS, 'get'],
  [NETCONF_NS, 'get-config'],
  [MONITORING_NS, 'get-schema'],
  [NMDA_NS, 'get-data'],
]

const openOne = 'open a session (POST …/sessions) and send it there, or let POST …/transaction do all the steps'

/** Whether an operation may have an effect on the device, so that it is not to be carried out twice. */
export function mayHaveEffect(policy: SessionPolicy): boolean {
  return policy.on !== 'warm-session' || !policy.repeatable
}

export function sessionPolicyOf(operation: XmlElement): SessionPolicy {
  if (READS.some(([namespace, name]) => isNamed(operation, namespace, name)))
    return { on: 'warm-session', repeatable: true }
  if (['lock', 'unlock', 'partial-lock', 'partial-unlock'].includes(operation.name))
    return {
      on: 'explicit-session',
      why: 'a lock ends with its session, and this call would be one of its own',
      hint: openOne,
    }
  if (isNamed(operation, NETCONF_NS, 'commit') && confirmedWithoutPersist(operation))
    return {
      on: 'explicit-session',
      why: 'a confirmed commit without `persist` is rolled back when its session ends, and this call would be one of its own',
      hint: 'give `persist` a name, or open a session (POST …/sessions) and send it there',
    }
  // Junos and others name what shows state so; it is shared, but not repeated on the strength of its name.
  if (operation.name.startsWith('get-')) return { on: 'warm-session', repeatable: false }
  return { on: 'own-session' }
}

/** Whether an operation cannot be had over HTTP as an RPC at all. */
export function isSubscription(operation: XmlElement): boolean {
  return isNamed(operation, NOTIFICATION_NS, 'create-subscription') || operation.name === 'establish-subscription'
}

function confirmedWithoutPersist(commit: XmlElement): boolean {
  return childOf(commit, NETCONF_NS, 'confirmed') !== undefined && childOf(commit, NETCONF_NS, 'persist') === undefined
}
