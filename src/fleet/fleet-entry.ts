import type { IdentityGuard } from './contested-identity.js'
import type { LinkRefusal } from './refusals/call-home.js'
import type { Device } from './device.js'
import type { HeldSession } from './held-session.js'
import type { LinkAdmission } from './link-admission.js'
import type { Link, LinkEnd } from './link.js'
import type { SessionQueue } from './session-queue.js'
import type { Release } from './session-slots.js'
import type { SpareChannel } from './spare-channels.js'
import type { UserPlaces } from '../net/user-places.js'

/** A link in its place. */
export interface Attachment {
  /** Which of its device's links it is: the first has 1, and none has the number of one before it. */
  readonly number: number
  readonly link: Link
  readonly held: HeldSession | undefined
  /** Milliseconds since 1970. */
  readonly attachedAt: number
  /** In a cluster: when it was proven by the clock that its nodes share, in milliseconds since 1970. */
  provenAt?: number
  /** Made for its first session or spare channel: most links carry none, and ten thousand of them are kept. */
  admission?: LinkAdmission
  /** Grows with each session that it was given before others: among equals, the one that waits longest is next. */
  lastGiven?: number
}

/** A place among the sessions of one link: for a channel that has to be opened, or with a spare one that is ready. */
export interface SessionPlace {
  readonly attachment: Attachment
  readonly release: Release
  readonly spare?: SpareChannel
}

/** A device in the fleet of this node. */
export interface FleetEntry {
  device: Device
  /** Its live links, the oldest first: at most `maxConnections` of them, but for those from before a reload. */
  attachments: readonly Attachment[]
  /** How many links it has had since the start, or since it was added. */
  linksSoFar: number
  /** The clients that wait for a session on any of its links; made for the first session. */
  queue?: SessionQueue<SessionPlace>
  /** Made for its first replacement. */
  guard?: IdentityGuard
  lastDetached?: { readonly at: Date; readonly end: LinkEnd }
  lastRefusal?: { readonly at: Date; readonly refusal: LinkRefusal }
  /** Who has connections to its own ports, over all of its links; made for the first of them. */
  ports?: UserPlaces
  /** Those who wait for it to attach; absent where nobody ever has. */
  waiting?: Set<() => void>
}

/** A device without a link. */
export function newEntry(device: Device): FleetEntry {
  return { device, attachments: NO_ATTACHMENTS, linksSoFar: 0 }
}

/** One for all who have none: most of ten thousand devices may be away. */
export const NO_ATTACHMENTS: readonly Attachment[] = []

/** How many links the device may have at a time. */
export function mostLinks({ device: { maxConnections = 1 } }: Pick<FleetEntry, 'device'>): number {
  return maxConnections
}
