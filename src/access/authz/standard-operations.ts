import { NETCONF_NS, NOTIFICATION_NS } from '../../netconf/xml/namespaces.js'
import type { DatastoreUse } from '../../operations/datastore-use.js'
import { OPERATIONS } from '../../operations/register.js'

/** XML Inclusions: an element of it stands for whatever a parser fetches in its place. */
export const XINCLUDE_NS = 'http://www.w3.org/2001/XInclude'

/** `<establish-subscription>` and the like (RFC 8639). */
const SUBSCRIBED_NOTIFICATIONS_NS = 'urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications'

interface StandardOperation {
  readonly namespace: string
  readonly permission: readonly DatastoreUse[]
}

/**
 * Operations of the standards that have no file in operations/: they have no route and no command, but rules name
 * them.
 */
const FURTHER: readonly (readonly [name: string, namespace: string])[] = [
  ['close-session', NETCONF_NS],
  ['create-subscription', NOTIFICATION_NS],
  ['establish-subscription', SUBSCRIBED_NOTIFICATIONS_NS],
  ['modify-subscription', SUBSCRIBED_NOTIFICATIONS_NS],
  ['delete-subscription', SUBSCRIBED_NOTIFICATIONS_NS],
  ['kill-subscription', SUBSCRIBED_NOTIFICATIONS_NS],
]

const STANDARD: ReadonlyMap<string, StandardOperation> = new Map<string, StandardOperation>([
  ...OPERATIONS.map((operation) => [operation.name, operation] as const),
  ...FURTHER.map(([name, namespace]) => [name, { namespace, permission: [] }] as const),
])

/**
 * The operations that name a datastore among their parameters, and so may be named with one in a rule:
 * `edit-config:running`.
 */
export const DATASTORE_OPERATIONS: readonly string[] = [...STANDARD]
  .filter(([, { permission }]) => permission.length > 0)
  .map(([name]) => name)

/**
 * What an operation of that name does to datastores by its parameters; nothing for those that are not in the
 * standards.
 */
export function datastoreUses(name: string): readonly DatastoreUse[] {
  return STANDARD.get(name.toLowerCase())?.permission ?? []
}

/**
 * The namespaces that an operation of the standards may come in: its own, and those that a client says it in that
 * leaves its own out. Undefined for a name that is in no standard.
 */
export function namespacesOf(name: string): readonly string[] | undefined {
  const standard = STANDARD.get(name.toLowerCase())
  return standard && [standard.namespace, NETCONF_NS, '']
}
