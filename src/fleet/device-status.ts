import type { Contest } from './contested-identity.js'
import type { DeviceEndpoint } from './endpoints/device-endpoint.js'
import type { AttachedLink } from './events.js'
import type { Attachment, FleetEntry } from './fleet-entry.js'
import type { Device } from './device.js'
import type { HeldSessionView } from './held-session.js'
import type { LinkEnd } from './link.js'
import { mostSessions } from './most-sessions.js'
import type { LinkRefusal } from './refusals/call-home.js'

/** A device as it is now. */
export interface DeviceStatus extends Device {
  /** Where it is reached by itself, fixed or given. */
  readonly endpoint?: DeviceEndpoint
  /** The oldest of its links. */
  readonly link?: LinkStatus
  /** All its links, the oldest first; absent where it has none. */
  readonly links?: readonly LinkStatus[]
  /** Another node that has it, where it has no link here. */
  readonly node?: string
  /** When the oldest of its links began; where it has none, when its last one ended, also one of the process before. */
  readonly lastSeen?: Date
  readonly lastDetached?: { readonly at: Date; readonly end: LinkEnd }
  readonly lastRefusal?: { readonly at: Date; readonly refusal: LinkRefusal }
  /** Two live links of its identity were there since the start. */
  readonly contest?: Contest
}

export interface LinkStatus extends AttachedLink {
  readonly attachedAt: Date
  readonly sessions: number
  /** Clients that wait for a session on any link of the device. */
  readonly queued: number
  /** How many sessions it gets at a time. */
  readonly mostSessions: number
  /** Channels that the device has left unanswered. */
  readonly lostChannels: number
  /** The session that the bridge keeps open for itself, where this kind of device wants one. */
  readonly heldSession?: HeldSessionView
}

/** What is known of a device elsewhere than in its entry. */
interface KnownBesides {
  readonly endpoint: DeviceEndpoint | undefined
  /** When the bridge was last alive with the device attached to it, before this process. */
  readonly attachedBefore: Date | undefined
  /** Another node that has the device. */
  readonly node: string | undefined
}

/** A device as it is now, with where it is reached by itself. */
export function describeStatus(entry: FleetEntry, { endpoint, attachedBefore, node }: KnownBesides): DeviceStatus {
  const { device, attachments, guard, lastDetached, lastRefusal } = entry
  const links = attachments.map((attachment) => linkStatus(attachment, entry))
  const [oldest] = links
  const lastSeen = oldest?.attachedAt ?? lastDetached?.at ?? attachedBefore
  const { endpoint: _fixed, ...configured } = device
  const contest = guard?.contest()
  return {
    ...configured,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(oldest === undefined ? {} : { link: oldest, links }),
    ...(oldest !== undefined || node === undefined ? {} : { node }),
    ...(contest === undefined ? {} : { contest }),
    ...(lastSeen === undefined ? {} : { lastSeen }),
    ...(lastDetached === undefined ? {} : { lastDetached }),
    ...(lastRefusal === undefined ? {} : { lastRefusal }),
  }
}

function linkStatus(attachment: Attachment, { device, queue }: FleetEntry): LinkStatus {
  const { link, held, attachedAt, admission } = attachment
  return {
    ...describeLink(attachment),
    attachedAt: new Date(attachedAt),
    sessions: admission?.slots.taken() ?? 0,
    queued: queue?.length() ?? 0,
    mostSessions: mostSessions(device, link),
    lostChannels: link.lostChannels(),
    ...(held === undefined ? {} : { heldSession: held.view() }),
  }
}

/** What may be told of a link. */
export function describeLink({ number, link }: Pick<Attachment, 'number' | 'link'>): AttachedLink {
  const { deviceId, source, hostKeyFingerprint, software, provenBy, certificateValidUntil } = link
  const { loggedInBy, account, keyExchange, algorithms } = link
  return {
    deviceId,
    number,
    source,
    hostKeyFingerprint,
    software,
    provenBy,
    ...(certificateValidUntil === undefined ? {} : { certificateValidUntil }),
    ...(loggedInBy === undefined ? {} : { loggedInBy }),
    ...(account === undefined ? {} : { account }),
    ...(keyExchange === undefined ? {} : { keyExchange }),
    ...(algorithms === undefined ? {} : { algorithms }),
  }
}
