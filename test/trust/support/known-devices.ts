import { parseKnownHosts } from '../../../src/ssh/known-hosts.js'
import { nothingRevoked, type Revocations } from '../../../src/ssh/revocation.js'
import type { Verdict } from '../../../src/trust/ssh/judge-host-key.js'
import type { KnownDevice } from '../../../src/trust/known-device.js'
import type { FirstUse, HmacPolicy, TrustAnchors } from '../../../src/trust/trust-anchors.js'

/** A device that nothing is known of beside what a test says. */
export function knownDevice(id: string, rest: Partial<KnownDevice> = {}): KnownDevice {
  return { id, aliases: [], pins: [], expected: true, rejected: false, ...rest }
}

/** Trust anchors with these lines of known_hosts, all of which must be readable. */
export function anchorsWith({
  knownHosts = [],
  revocations = nothingRevoked,
  firstUse = 'pend',
  hmac,
}: {
  readonly knownHosts?: readonly string[]
  readonly revocations?: Revocations
  readonly firstUse?: FirstUse
  readonly hmac?: HmacPolicy
} = {}): TrustAnchors {
  const { entries, problems } = parseKnownHosts(knownHosts.join('\n'))
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('; '))
  return { knownHosts: entries, revocations, firstUse, ...(hmac === undefined ? {} : { hmac }) }
}

/** The word that a verdict comes down to. */
export function wordOf(verdict: Verdict): string {
  return verdict.trusted ? `trusted by ${verdict.because}` : verdict.reason
}

/** All that a refusal tells an operator. */
export function toldBy(verdict: Verdict): string {
  return verdict.trusted ? '' : `${verdict.message}\n${verdict.hint}`
}
