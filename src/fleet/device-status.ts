import type { Contest } from './contested-identity.js'
import type { DeviceEndpoint } from './endpoints/device-endpoint.js'
import type { AttachedLink } from './events.js'
import type { Attachment, FleetEntry } from './fleet-entry.js'
import type { Device } from './device.js'
import type { HeldSessionView } from './held-session.js'
import type { Link, LinkEnd } from './link.js'
import { mostSessions } from './most-sessions.js'
import type { LinkRefusal } from './refusals/call-home.js'

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

/** A device as it is now, with where it is reached by itself. */
export function describeStatus(entry: FleetEntry, endpoint: DeviceEndpoint | undefined): DeviceStatus {
  const { device, attachment, guard, lastDetached, lastRefusal } = entry
  const { endpoint: _fixed, ...configured } = device
  const contest = guard?.contest()
  return {
    ...configured,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(attachment === undefined ? {} : { link: linkStatus(attachment, device) }),
    ...(contest === undefined ? {} : { contest }),
    ...(lastDetached === undefined ? {} : { lastDetached }),
    ...(lastRefusal === undefined ? {} : { lastRefusal }),
  }
}

function linkStatus({ link, held, attachedAt, admission }: Attachment, device: Device): LinkStatus {
  return {
    ...describeLink(link),
    attachedAt: new Date(attachedAt),
    sessions: admission?.slots.taken() ?? 0,
    queued: admission?.slots.queued() ?? 0,
    mostSessions: mostSessions(device, link),
    lostChannels: link.lostChannels(),
    ...(held === undefined ? {} : { heldSession: held.view() }),
  }
}

/** What may be told of a link. */
export function describeLink({ deviceId, source, hostKeyFingerprint, software }: Link): AttachedLink {
  return { deviceId, source, hostKeyFingerprint, software }
}
