import { EventEmitter } from 'node:events'
import type { Contest } from './contested-identity.js'
import type { ChannelLoss, LinkEnd } from './link.js'
import type { LinkRefusal } from './refusals/call-home.js'
import type { LiveSession } from './live-session.js'
import type { SessionClient } from './session-client.js'
import type { SessionRefusal } from './session-refusal.js'

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
  /** A device that attached gets fewer sessions at a time than `link.max-sessions`, because of its software. */
  'sessions-limited': [AttachedLink & { readonly mostSessions: number }]
  replaced: [AttachedLink & { readonly oldSource: string; readonly sessions: number }]
  detached: [AttachedLink & { readonly end: LinkEnd }]
  refused: [LinkRefusal]
  /** A proven link was turned away because another one of the same identity is alive. */
  contested: [Contest & { readonly deviceId: string }]
  /** A device left a channel unanswered; `lost` of its link's are by now. */
  'channel-lost': [AttachedLink & { readonly loss: ChannelLoss; readonly lost: number }]
  'session-opened': [LiveSession]
  /** A session is over; `killedBy` names the operator who ended it, where one did. */
  'session-closed': [LiveSession & { readonly durationSeconds: number; readonly killedBy?: string }]
  /** A client got no session on a device. */
  'session-refused': [{ readonly deviceId: string; readonly client: SessionClient; readonly refusal: SessionRefusal }]
  /** A client has to wait for a session on a device whose sessions are all in use. */
  'session-wanted': [{ readonly deviceId: string }]
}

export type FleetEmitter = EventEmitter<FleetEvents>

export function createFleetEmitter(): FleetEmitter {
  return new EventEmitter<FleetEvents>().setMaxListeners(0)
}
