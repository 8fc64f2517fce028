import type { ServerHostKeyAlgorithm } from 'ssh2'
import { hostCertificateAlgorithmsFor } from '../../ssh/certificate-algorithms.js'
import { hostKeyAlgorithmsFor } from '../../ssh/host-key-algorithms.js'
import type { Claim } from '../claim.js'
import type { KnownDevices } from '../known-devices.js'
import { knownHostsFor } from './known-hosts-for.js'
import type { TrustAnchors } from '../trust-anchors.js'

/** Every key type that may prove a device. */
const ALL_TYPES = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'ssh-rsa']

/**
 * What key exchange asks a device to prove, best first, so that it proves the key that can be judged: only the
 * announced type where one was announced; else the types that are pinned for it (for anyone, where it said no id)
 * before all others. Certificates come first where a host CA is trusted. Empty when the announced type is not accepted.
 */
export function wantedHostKeys(
  claim: Claim,
  known: KnownDevices,
  { knownHosts }: TrustAnchors,
): ServerHostKeyAlgorithm[] {
  const announced = claim.form === 'junos' ? claim.hostKey?.type : undefined
  const types = announced === undefined ? inOrder(boundTypes(claim, known, knownHosts)) : [announced]
  const certifies = knownHosts.some(({ marker }) => marker === 'cert-authority')
  return [
    ...(certifies ? types.flatMap((type) => hostCertificateAlgorithmsFor([type])) : []),
    ...types.flatMap((type) => hostKeyAlgorithmsFor([type])),
  ] as ServerHostKeyAlgorithm[]
}

function boundTypes(claim: Claim, known: KnownDevices, knownHosts: TrustAnchors['knownHosts']): readonly string[] {
  if (claim.form === 'none') return known.pinTypes()
  const claimed = claim.deviceIds.map((id) => known.byId(id)).filter((device) => device !== undefined)
  return claimed.flatMap(({ id, aliases, pins }) => [
    ...pins.map(({ type }) => type),
    ...knownHostsFor(knownHosts, [id, ...aliases])
      .filter(({ marker }) => marker === undefined)
      .map(({ key }) => key.type),
  ])
}

function inOrder(preferred: readonly string[]): string[] {
  return [...new Set([...preferred, ...ALL_TYPES])].filter((type) => ALL_TYPES.includes(type))
}
