import type { KnownHost } from '../ssh/known-hosts.js'
import type { Revocations } from '../ssh/revocation.js'

/**
 * What happens to a device whose host key nothing vouches for: it is refused, waits for an operator, or is believed.
 */
export type FirstUse = 'refuse' | 'pend' | 'accept'

/** Whether a right HMAC has another host key take the place of one that the bridge has bound the device to. */
export type HmacPolicy = 'keeps-pins' | 'replaces-pins'

/** What vouches for host keys beside what is known of each device. */
export interface TrustAnchors {
  /** Entries of `known_hosts`, with `@cert-authority` and `@revoked`. */
  readonly knownHosts: readonly KnownHost[]
  readonly revocations: Revocations
  readonly firstUse: FirstUse
  /** `keeps-pins` when not given. */
  readonly hmac?: HmacPolicy
}
