import { MONITORING_NS, NETCONF_NS, NOTIFICATION_NS } from '../../netconf/xml/namespaces.js'

/** XML Inclusions: an element of it stands for whatever a parser fetches in its place. */
export const XINCLUDE_NS = 'http://www.w3.org/2001/XInclude'

/** Datastores of NMDA: `<get-data>`, `<edit-data>` (RFC 8526). */
const NMDA_NS = 'urn:ietf:params:xml:ns:yang:ietf-netconf-nmda'

/** `<establish-subscription>` and the like (RFC 8639). */
const SUBSCRIBED_NOTIFICATIONS_NS = 'urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications'

/** A parameter of an operation that names a datastore, and what is done to it. */
export interface DatastoreUse {
  readonly parameter: 'source' | 'target' | 'datastore'
  readonly access: 'read' | 'write' | 'other'
}

const reads = (parameter: DatastoreUse['parameter']): DatastoreUse => ({ parameter, access: 'read' })
const writes = (parameter: DatastoreUse['parameter']): DatastoreUse => ({ parameter, access: 'write' })
const other = (parameter: DatastoreUse['parameter']): DatastoreUse => ({ parameter, access: 'other' })

interface StandardOperation {
  readonly namespace: string
  readonly uses?: readonly DatastoreUse[]
}

const STANDARD: ReadonlyMap<string, StandardOperation> = new Map<string, StandardOperation>([
  ['get', { namespace: NETCONF_NS }],
  ['get-config', { namespace: NETCONF_NS, uses: [reads('source')] }],
  ['edit-config', { namespace: NETCONF_NS, uses: [writes('target')] }],
  ['copy-config', { namespace: NETCONF_NS, uses: [writes('target'), reads('source')] }],
  ['delete-config', { namespace: NETCONF_NS, uses: [writes('target')] }],
  ['lock', { namespace: NETCONF_NS, uses: [other('target')] }],
  ['unlock', { namespace: NETCONF_NS, uses: [other('target')] }],
  ['validate', { namespace: NETCONF_NS, uses: [other('source')] }],
  ['commit', { namespace: NETCONF_NS }],
  ['cancel-commit', { namespace: NETCONF_NS }],
  ['discard-changes', { namespace: NETCONF_NS }],
  ['close-session', { namespace: NETCONF_NS }],
  ['kill-session', { namespace: NETCONF_NS }],
  ['get-schema', { namespace: MONITORING_NS }],
  ['create-subscription', { namespace: NOTIFICATION_NS }],
  ['get-data', { namespace: NMDA_NS, uses: [reads('datastore')] }],
  ['edit-data', { namespace: NMDA_NS, uses: [writes('datastore')] }],
  ['establish-subscription', { namespace: SUBSCRIBED_NOTIFICATIONS_NS }],
  ['modify-subscription', { namespace: SUBSCRIBED_NOTIFICATIONS_NS }],
  ['delete-subscription', { namespace: SUBSCRIBED_NOTIFICATIONS_NS }],
  ['kill-subscription', { namespace: SUBSCRIBED_NOTIFICATIONS_NS }],
])

/** What an operation of that name does to datastores by its parameters; nothing for those that are not in the standards. */
export function datastoreUses(name: string): readonly DatastoreUse[] {
  return STANDARD.get(name.toLowerCase())?.uses ?? []
}

/**
 * The namespaces that an operation of the standards may come in: its own, and those that a client says it in that leaves its own out.
 * Undefined for a name that is in no standard.
 */
export function namespacesOf(name: string): readonly string[] | undefined {
  const standard = STANDARD.get(name.toLowerCase())
  return standard && [standard.namespace, NETCONF_NS, '']
}
