import { EventEmitter } from 'node:events'
import type { LinkEnd } from './link.js'

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
}

export type FleetEmitter = EventEmitter<FleetEvents>

export function createFleetEmitter(): FleetEmitter {
  return new EventEmitter<FleetEvents>().setMaxListeners(0)
}
