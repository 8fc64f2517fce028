import { type RpcError, rpcError } from '../netconf/rpc-error.js'
import type { ReplyBody } from '../netconf/rpc-reply.js'
import type { XmlElement } from '../netconf/xml/xml-tree.js'
import type { Clock } from './clock.js'
import type { Datastores } from './datastores.js'
import type { EventLog } from './event-log.js'
import type { Actor, TerminationReason } from './netconf-events.js'

/** What an operation may use. */
export interface ServerCall {
  readonly operation: XmlElement
  readonly actor: Actor
  readonly device: ServerDevice
  readonly subscription: SessionSubscription
}

/** The device behind all sessions. */
export interface ServerDevice {
  readonly deviceId: string
  readonly clock: Clock
  readonly startedAt: number
  readonly capabilities: readonly string[]
  readonly datastores: Datastores
  readonly events: EventLog
  readonly sessions: ReadonlyMap<number, ServerSessionHandle>
}

/** A session as other sessions see it. */
export interface ServerSessionHandle {
  readonly actor: Actor
  readonly end: (reason: TerminationReason, killedBy?: number) => void
}

/** The one subscription that a session may have (RFC 5277 §2.1.1). */
export interface SessionSubscription {
  readonly active: () => boolean
  /** Begins to send notifications; called once the reply to the subscription is on its way. */
  readonly begin: (wanted: SubscriptionRequest) => void
}

/** What a subscriber wants; times in milliseconds since the epoch. */
export interface SubscriptionRequest {
  readonly filter?: readonly XmlElement[]
  readonly startTime?: number
  readonly stopTime?: number
}

/** What an operation answers, and what follows the reply. */
export type ServerAnswer =
  | { readonly kind: 'reply'; readonly body: ReplyBody; readonly afterwards?: () => void }
  | { readonly kind: 'generated'; readonly size: number; readonly delay: number; readonly drop: boolean }

/** An operation of the server. */
export type ServerOperation = (call: ServerCall) => ServerAnswer

/** `<ok/>`. */
export function ok(afterwards?: () => void): ServerAnswer {
  return { kind: 'reply', body: { kind: 'ok' }, ...(afterwards === undefined ? {} : { afterwards }) }
}

/** `<ok/>` unless there are errors. */
export function okUnless(errors: readonly RpcError[]): ServerAnswer {
  return errors.length === 0 ? ok() : { kind: 'reply', body: { kind: 'errors', errors } }
}

/** Elements of the operation's own. */
export function content(...elements: readonly XmlElement[]): ServerAnswer {
  return { kind: 'reply', body: { kind: 'content', content: elements } }
}

/** A single error of type `protocol`, as most refusals of an operation are. */
export function refuse(
  tag: RpcError['tag'],
  message: string,
  { info = [], type = 'protocol' }: { readonly info?: readonly XmlElement[]; readonly type?: RpcError['type'] } = {},
): ServerAnswer {
  return okUnless([rpcError(tag, message, { type, info })])
}
