import { EventEmitter } from 'node:events'
import type { LinkEnd } from './link.js'
import type { LiveSession } from './live-session.js'
import type { SessionClient } from './session-client.js'
import type { SessionRefusal } from './session-refusal.js'

/** Why a call-home connection did not become a link. */
export interface LinkRefusal {
  /** A stable word for logs and metrics, such as `wrong-hmac`. */
  readonly reason: string
  readonly message: string
  readonly hint: string
  readonly source: string
  /** The device id that was claimed, where one was. */
  readonly deviceId?: string
}

export interface AttachedLink {
  readonly deviceId: string
  readonly source: string
  readonly hostKeyFingerprint: string
  readonly software: string
}

/** What happens in the fleet, by name of the event. */
export interface FleetEvents {
  /** A device that nothing vouches for waits for an operator. */
  pending: [{ readonly deviceId: string; readonly source: string; readonly hostKeyFingerprint: string }]
  /** Somebody decided on a device's enrolment. */
  decided: [
    { readonly deviceId: string; readonly standing: 'approved' | 'rejected' | 'forgotten'; readonly by: string },
  ]
  attached: [AttachedLink]
  replaced: [AttachedLink & { readonly oldSource: string; readonly sessions: number }]
  detached: [AttachedLink & { readonly end: LinkEnd }]
  refused: [LinkRefusal]
  'session-opened': [LiveSession]
  /** A session is over; `killedBy` names the operator who ended it, where one did. */
  'session-closed': [LiveSession & { readonly durationSeconds: number; readonly killedBy?: string }]
  /** A client got no session on a device. */
  'session-refused': [{ readonly deviceId: string; readonly client: SessionClient; readonly refusal: SessionRefusal }]
  /** A client has to wait for a session on a device whose sessions are all in use. */
  crowded: [{ readonly deviceId: string }]
}

export type FleetEmitter = EventEmitter<FleetEvents>

export function createFleetEmitter(): FleetEmitter {
  return new EventEmitter<FleetEvents>().setMaxListeners(0)
}
