import type { Contest } from './contested-identity.js'
import type { ChannelLoss, Link, LinkEnd } from './link.js'
import type { ChannelPurpose } from '../ssh/session-channel.js'
import type { LinkRefusal } from './refusals/call-home.js'
import type { LiveSession } from './live-session.js'
import type { SessionClient } from './session-client.js'
import type { FleetSessionRefusal } from './refusals/sessions.js'

/** What may be told of a link. */
export interface AttachedLink
  extends Pick<
    Link,
    | 'deviceId'
    | 'source'
    | 'hostKeyFingerprint'
    | 'software'
    | 'provenBy'
    | 'certificateValidUntil'
    | 'loggedInBy'
    | 'account'
    | 'keyExchange'
    | 'algorithms'
  > {
  /** Which of its device's links it is. */
  readonly number: number
}

/** A session as events tell of it. */
export interface SessionEvent extends Pick<LiveSession, 'id' | 'deviceId' | 'client' | 'bytes'> {
  /** A command is not told: it may hold secrets. */
  readonly request: Exclude<ChannelPurpose, { readonly kind: 'exec' }> | { readonly kind: 'exec' }
}

/**
 * What happens in the fleet, by name of the event. An event may come from another node, as a line of JSON, so it is
 * made of plain data: texts, numbers, truth values, and lists and records of these; a time is an ISO 8601 text.
 */
export interface FleetEvents {
  /** A device that nothing vouches for waits for an operator. */
  readonly pending: { readonly deviceId: string; readonly source: string; readonly hostKeyFingerprint: string }
  /** Somebody decided on a device's enrolment. */
  readonly decided: {
    readonly deviceId: string
    readonly standing: 'approved' | 'rejected' | 'forgotten'
    readonly by: string
  }
  /** Somebody changed labels of a device: all that it has now. */
  readonly labelled: {
    readonly deviceId: string
    readonly labels: Readonly<Record<string, string>>
    readonly by: string
  }
  /** A device that its HMAC vouched for got another host key in place of those that it was bound to. */
  readonly 'key-replaced': {
    readonly deviceId: string
    readonly source: string
    readonly hostKeyFingerprint: string
    /** The fingerprints of the keys that do not count any more. */
    readonly replaced: readonly string[]
    readonly by: 'hmac' | 'first-use'
  }
  /** A device has its first link. */
  readonly attached: AttachedLink
  /** A device that attached gets fewer sessions at a time than `link.max-sessions`, because of its software. */
  readonly 'sessions-limited': AttachedLink & { readonly mostSessions: number }
  readonly replaced: AttachedLink & {
    readonly oldSource: string
    readonly oldNumber: number
    readonly sessions: number
  }
  /** A device has a further link beside those that it had; it has so many now. */
  readonly 'link-added': AttachedLink & { readonly links: number }
  /** One of several links of a device has ended; it has so many others. */
  readonly 'link-ended': AttachedLink & { readonly end: LinkEnd; readonly links: number }
  /** The last link of a device has ended. */
  readonly detached: AttachedLink & { readonly end: LinkEnd }
  readonly refused: LinkRefusal
  /** A proven link was turned away because another one of the same identity is alive. */
  readonly contested: Omit<Contest, 'since' | 'last'> & {
    readonly deviceId: string
    readonly since: string
    readonly last: string
  }
  /** A device left a channel unanswered; `lost` of its link's are by now. */
  readonly 'channel-lost': AttachedLink & { readonly loss: ChannelLoss; readonly lost: number }
  readonly 'session-opened': SessionEvent
  /** A session is over; `killedBy` names the operator who ended it, where one did. */
  readonly 'session-closed': SessionEvent & { readonly durationSeconds: number; readonly killedBy?: string }
  /** A client got no session on a device. */
  readonly 'session-refused': {
    readonly deviceId: string
    readonly client: SessionClient
    readonly refusal: FleetSessionRefusal
  }
  /** A client has to wait for a session on a device whose sessions are all in use. */
  readonly 'session-wanted': { readonly deviceId: string }
}

/** What JSON gives back as it was; anything else becomes `never`. */
type Plain<T> = T extends string | number | boolean | undefined
  ? T
  : T extends Date | Uint8Array | ((...given: never[]) => unknown) | Promise<unknown>
    ? never
    : { readonly [Key in keyof T]: Plain<T[Key]> }

/** Who listens to which events. The compiler refuses an event here that JSON would change. */
export type FleetListeners = {
  readonly [Type in keyof FleetEvents]?: FleetEvents[Type] extends Plain<FleetEvents[Type]>
    ? (event: FleetEvents[Type]) => void
    : never
}

/** Where one hears what happens in the fleet. */
export interface FleetEventFeed {
  /**
   * Has the events that happen from now on told. Each is told after the call that caused it has returned, some time
   * later where it happened on another node; those of one device come in their order.
   * @returns what ends it: nothing is told afterwards
   */
  readonly subscribe: (listeners: FleetListeners) => () => void
}
