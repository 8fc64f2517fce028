import { NETCONF_NOTIFICATIONS_NS } from '../netconf/xml/namespaces.js'
import { element, type XmlElement } from '../netconf/xml/xml-tree.js'
import { DEVICE_NS } from './data-model.js'
import type { ConfigChange } from './data-node.js'

/** Who did something: a session, as RFC 6470 names it. */
export interface Actor {
  readonly sessionId: number
  readonly username: string
  readonly sourceHost: string
}

export type TerminationReason = 'closed' | 'killed' | 'dropped' | 'bad-hello' | 'other'

/** `netconf-config-change` for the running configuration (RFC 6470 §2.2); no actor means the server itself. */
export function configChangeEvent(changes: readonly ConfigChange[], by: Actor | undefined): XmlElement {
  const changedBy = by === undefined ? [event('server')] : actorFields(by)
  const edits = changes.map((change) =>
    event('edit', [
      element(NETCONF_NOTIFICATIONS_NS, 'target', change.target, { declarations: { dev: DEVICE_NS } }),
      event('operation', change.operation),
    ]),
  )
  return event('netconf-config-change', [event('changed-by', changedBy), event('datastore', 'running'), ...edits])
}

/** `netconf-session-start` (RFC 6470 §2.2). */
export function sessionStartEvent(actor: Actor): XmlElement {
  return event('netconf-session-start', actorFields(actor))
}

/** `netconf-session-end` (RFC 6470 §2.2). */
export function sessionEndEvent(actor: Actor, reason: TerminationReason, killedBy?: number): XmlElement {
  const killer = killedBy === undefined ? [] : [event('killed-by', String(killedBy))]
  return event('netconf-session-end', [...actorFields(actor), ...killer, event('termination-reason', reason)])
}

/** `netconf-confirmed-commit` (RFC 6470 §2.2). */
export function confirmedCommitEvent(
  what: 'start' | 'cancel' | 'timeout' | 'extend' | 'complete',
  by: Actor | undefined,
  timeout?: number,
): XmlElement {
  const actor = by === undefined ? [] : actorFields(by)
  const seconds = timeout === undefined ? [] : [event('timeout', String(timeout))]
  return event('netconf-confirmed-commit', [...actor, event('confirm-event', what), ...seconds])
}

function actorFields(actor: Actor): readonly XmlElement[] {
  return [
    event('username', actor.username),
    event('session-id', String(actor.sessionId)),
    event('source-host', actor.sourceHost),
  ]
}

function event(name: string, content: string | readonly XmlElement[] = []): XmlElement {
  return element(NETCONF_NOTIFICATIONS_NS, name, content)
}
