import type { Contest } from './contested-identity.js'
import type { DeviceEndpoint } from './endpoints/device-endpoint.js'
import type { AttachedLink } from './events.js'
import type { LinkRefusal } from './refusals/call-home.js'
import type { Device } from './fleet.js'
import type { HeldSessionView } from './held-session.js'
import type { Link, LinkEnd } from './link.js'

/** A device as it is now. */
export interface DeviceStatus extends Device {
  /** Where it is reached by itself, fixed or given. */
  readonly endpoint?: DeviceEndpoint
  readonly link?: LinkStatus
  readonly lastDetached?: { readonly at: Date; readonly end: LinkEnd }
  readonly lastRefusal?: { readonly at: Date; readonly refusal: LinkRefusal }
  /** Two live links of its identity were there since the start. */
  readonly contest?: Contest
}

export interface LinkStatus extends AttachedLink {
  readonly attachedAt: Date
  readonly sessions: number
  readonly queued: number
  /** How many sessions it gets at a time. */
  readonly mostSessions: number
  /** Channels that the device has left unanswered. */
  readonly lostChannels: number
  /** The session that the bridge keeps open for itself, where this kind of device wants one. */
  readonly heldSession?: HeldSessionView
}

/** What may be told of a link. */
export function described({ deviceId, source, hostKeyFingerprint, software }: Link): AttachedLink {
  return { deviceId, source, hostKeyFingerprint, software }
}
