import type { ServerHostKeyAlgorithm } from 'ssh2'
import { DEFAULT_ALGORITHMS } from '../../ssh/algorithm-catalogue.js'
import { hostCertificateAlgorithmsFor } from '../../ssh/certificate-algorithms.js'
import { hostKeyAlgorithmsFor, keyTypeFor } from '../../ssh/host-key-algorithms.js'
import type { Claim } from '../claim.js'
import type { KnownDevices } from '../known-devices.js'
import { knownHostsFor } from './known-hosts-for.js'
import type { TrustAnchors } from '../trust-anchors.js'

/**
 * What key exchange asks a device to prove, best first, so that it proves the key that can be judged: only the
 * announced type where one was announced; else the types that are pinned for it (for anyone, where it said no id)
 * before all others. Certificates come first where a host CA is trusted. Empty when the announced type is not accepted.
 * @param by.accepted the host key algorithms that this call may use, best first; the usual ones when not given
 */
export function wantedHostKeys(
  claim: Claim,
  known: KnownDevices,
  by: Pick<TrustAnchors, 'knownHosts'> & { readonly accepted?: readonly string[] | undefined },
): ServerHostKeyAlgorithm[] {
  const { knownHosts, accepted = DEFAULT_ALGORITHMS.hostKeyAlgorithms } = by
  const announced = claim.form === 'junos' ? claim.hostKey?.type : undefined
  const all = [...new Set(accepted.map(keyTypeFor))]
  const types = announced === undefined ? inOrder(boundTypes(claim, known, knownHosts), all) : [announced]
  const certifies = knownHosts.some(({ marker }) => marker === 'cert-authority')
  return [
    ...(certifies ? types.flatMap((type) => hostCertificateAlgorithmsFor([type], accepted)) : []),
    ...types.flatMap((type) => hostKeyAlgorithmsFor([type], accepted)),
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

function inOrder(preferred: readonly string[], all: readonly string[]): string[] {
  return [...new Set([...preferred, ...all])].filter((type) => all.includes(type))
}
