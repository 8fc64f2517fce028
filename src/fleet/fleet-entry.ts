import type { IdentityGuard } from './contested-identity.js'
import type { LinkRefusal } from './refusals/call-home.js'
import type { Device } from './device.js'
import type { HeldSession } from './held-session.js'
import type { LinkAdmission } from './link-admission.js'
import type { Link, LinkEnd } from './link.js'

/** A link in its place. */
export interface Attachment {
  readonly link: Link
  readonly held: HeldSession | undefined
  /** Milliseconds since 1970. */
  readonly attachedAt: number
  /** Made for its first session or spare channel: most links carry none, and ten thousand of them are kept. */
  admission?: LinkAdmission
}

/** A device in the fleet of this node. */
export interface FleetEntry {
  device: Device
  attachment?: Attachment
  /** Made for its first replacement. */
  guard?: IdentityGuard
  lastDetached?: { readonly at: Date; readonly end: LinkEnd }
  lastRefusal?: { readonly at: Date; readonly refusal: LinkRefusal }
  /** Those who wait for it to attach; absent where nobody ever has. */
  waiting?: Set<() => void>
}
