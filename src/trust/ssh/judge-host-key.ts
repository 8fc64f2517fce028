import { type Certificate, parseCertificate } from '../../ssh/certificate.js'
import { validityOf } from '../../ssh/certificate-validity.js'
import type { Refusal } from '../../lib/refusal.js'
import { type CertificateRefusal, judgeCertificate } from '../../ssh/judge-certificate.js'
import { fingerprintOf, publicKeyLine } from '../../ssh/public-key.js'
import { canonicalKey } from '../../ssh/verifying-key.js'
import { revokedPart, revokedPartOf } from '../../ssh/revocation.js'
import type { Claim } from '../claim.js'
import type { Evidence } from '../evidence.js'
import { hostKeyRefusal, type HostKeyRefusalReason } from './host-key-refusals.js'
import { identifyDevice } from './identify-device.js'
import { hmacVouches } from './initiation-hmac.js'
import type { KnownDevice } from '../known-device.js'
import { type KnownDevices, namesOf } from '../known-devices.js'
import { casOf, knownHostsFor } from './known-hosts-for.js'
import type { TrustAnchors } from '../trust-anchors.js'

/** The verdict on a host key that key exchange has proven: the device's identity, or why there is none. */
export type Verdict =
  | {
      readonly trusted: true
      readonly deviceId: string
      readonly because: Evidence
      /** Whether the bridge has to store the key, so that the device's next call is judged by it. */
      readonly pin: boolean
      /** When the certificate ends that vouched for the key; absent where none did, or where it never ends. */
      readonly certificateValidUntil?: Date | undefined
    }
  | Distrust

/** Why a host key proves nothing, and the device id that it was judged for. */
export interface Distrust extends Refusal<HostKeyRefusalReason> {
  readonly trusted: false
  readonly deviceId?: string
}

/** What a host key is judged by. */
export interface HostKeyCase {
  readonly claim: Claim
  /** The blob from key exchange. */
  readonly presented: Buffer
  readonly known: KnownDevices
  readonly anchors: TrustAnchors
}

/**
 * Judges the host key, plain or a certificate, that a device proved in key exchange (RFC 8071 §3.1 C5). A device id
 * alone proves nothing. The order is:
 * 1. A revoked key or a rejected device is refused, whatever else vouches for it.
 * 2. A device with a configured secret has to send the HMAC of that secret.
 * 3. One of these vouches for the key: a certificate of a trusted CA, a pin, known_hosts, the HMAC, or the first-use
 *    policy.
 *
 * A key other than the pinned one is refused, unless a right HMAC may replace the pin; it never waits for an operator.
 * @param judged.now the date that certificates must be valid at
 */
export function judgeHostKey(judged: HostKeyCase & { readonly now: Date }): Verdict {
  const { claim, presented, known, anchors, now } = judged
  const { key, certificate, identification } = identified(judged)
  if (!identification.found)
    return 'badName' in identification
      ? distrust(hostKeyRefusal('certificate-bad-device-id', key, identification.badName), fingerprintOf(key))
      : distrust(hostKeyRefusal('ambiguous-host-key', key, identification.owners))
  const { device } = identification
  const entries = knownHostsFor(anchors.knownHosts, [device.id, ...device.aliases])

  const revoked = revokedPart(anchors.revocations, presented) ?? revokedByKnownHosts(key, certificate, anchors)
  if (revoked !== undefined) return distrust(hostKeyRefusal('revoked', key, revoked), device.id)
  if (device.rejected) return distrust(hostKeyRefusal('rejected', key, device.id), device.id)

  const vouched = judgeHmac(claim, key, device)
  if (vouched !== 'vouched' && vouched !== 'not-asked') return vouched

  const certified =
    certificate === undefined ? undefined : judgeHostCertificate(certificate, { device, entries, anchors, now })
  if (certified?.accepted === true) {
    const { validUntil: certificateValidUntil } = validityOf(certified.certificate)
    return { trusted: true, deviceId: device.id, because: 'certificate', pin: false, certificateValidUntil }
  }

  if (device.pins.some((pin) => pin.blob.equals(key)))
    return { trusted: true, deviceId: device.id, because: 'pin', pin: false }
  const listed = entries.filter(({ marker }) => marker === undefined)
  const isListed = listed.some((entry) => entry.key.blob.equals(key))
  if (isListed && device.expected) return { trusted: true, deviceId: device.id, because: 'known-hosts', pin: false }
  if (device.pins.length > 0 || (listed.length > 0 && !isListed)) {
    // What a file binds a device to, nothing but a change of that file replaces.
    const replaceable = vouched === 'vouched' && device.pinnedByFile !== true && (listed.length === 0 || isListed)
    if (replaceable && anchors.hmac === 'replaces-pins') return byHmacAlone(device, known)
    const hmac = replaceable ? 'may-replace' : vouched
    return distrust(hostKeyRefusal('host-key-not-pinned', key, { deviceId: device.id, hmac }), device.id)
  }
  if (certified !== undefined && certified.reason !== 'untrusted-ca')
    return distrust(hostKeyRefusal(`certificate-${certified.reason}`, certified.message, certified.hint), device.id)
  if (vouched === 'vouched') return byHmacAlone(device, known)
  return firstUse({ deviceId: device.id, key, certified, isListed, ...identification, policy: anchors.firstUse })
}

/** What is known of a device whose key nothing vouches for. */
interface FirstUseCase {
  readonly deviceId: string
  readonly key: Buffer
  readonly certified: CertificateRefusal | undefined
  /** Whether known_hosts has the key for this name. That proves an expected device, and no other. */
  readonly isListed: boolean
  readonly known: boolean
  readonly named: boolean
  readonly policy: TrustAnchors['firstUse']
}

function firstUse({ deviceId, key, certified, isListed, known, named, policy }: FirstUseCase): Verdict {
  if (policy === 'accept' && named) return { trusted: true, deviceId, because: 'first-use', pin: true }
  const unvouched = { key, deviceId, named, isListed, untrustedCa: certified?.message }
  if (policy !== 'refuse') return distrust(hostKeyRefusal('pending', unvouched), deviceId)
  if (known) return distrust(hostKeyRefusal('nothing-proves-it', unvouched), named ? deviceId : undefined)
  return named
    ? distrust(hostKeyRefusal('unknown-device', unvouched), deviceId)
    : distrust(hostKeyRefusal('unknown-host-key', unvouched))
}

function judgeHostCertificate(
  certificate: Certificate,
  by: {
    readonly device: KnownDevice
    /** What known_hosts says of the device. */
    readonly entries: ReturnType<typeof knownHostsFor>
    readonly anchors: TrustAnchors
    readonly now: Date
  },
) {
  const { device, entries, anchors, now } = by
  const names = namesOf(device)
  return judgeCertificate(certificate, {
    role: 'host',
    trustedCas: casOf(entries),
    now,
    acceptsPrincipals: (principals) => principals.some((principal) => names.includes(principal.toLowerCase())),
    revocation: (judged) => revokedPartOf(anchors.revocations, judged),
  })
}

/** A key marked `@revoked` is revoked for all hosts: a key that was stolen from one device is no good for another. */
function revokedByKnownHosts(
  key: Buffer,
  certificate: Certificate | undefined,
  { knownHosts }: TrustAnchors,
): string | undefined {
  const revoked = (blob: Buffer): boolean =>
    knownHosts.some((entry) => entry.marker === 'revoked' && entry.key.blob.equals(blob))
  if (revoked(key)) return 'the key'
  if (certificate !== undefined && revoked(certificate.ca.blob)) return 'its CA'
  return undefined
}

/** The names that `judgeHostKey` looks up in known_hosts: those of the device that a key is judged as. */
export function namesJudged(judged: HostKeyCase): readonly string[] {
  const { identification } = identified(judged)
  return identification.found ? [identification.device.id, ...identification.device.aliases] : []
}

function identified({ claim, presented, known, anchors }: HostKeyCase) {
  const parsed = parseCertificate(presented)
  const certificate = parsed.ok ? parsed.certificate : undefined
  // One key can be written as several blobs. A revoked key must not pass as another blob.
  const key = canonicalKey(certificate?.key.blob ?? presented)
  return { key, certificate, identification: identifyDevice({ claim, key, certificate, known, anchors }) }
}

function judgeHmac(claim: Claim, key: Buffer, { id, secret }: KnownDevice): 'vouched' | 'not-asked' | Distrust {
  if (secret === undefined) return 'not-asked'
  const { hostKey, hmac } = claim.form === 'junos' ? claim : {}
  if (hostKey === undefined || hmac === undefined) return distrust(hostKeyRefusal('missing-hmac'), id)
  if (!hmacVouches(secret, publicKeyLine(hostKey), hmac)) return distrust(hostKeyRefusal('wrong-hmac'), id)
  if (!hostKey.blob.equals(key)) return distrust(hostKeyRefusal('announced-key-not-presented', hostKey.blob, key), id)
  return 'vouched'
}

/**
 * The device id is not part of what the HMAC covers, so by the HMAC alone devices that share a secret cannot be told
 * apart.
 */
function byHmacAlone({ id, secret }: KnownDevice, known: KnownDevices): Verdict {
  const sharing = secret === undefined ? [] : known.bySecret(secret).filter((other) => other.id !== id)
  if (sharing.length === 0) return { trusted: true, deviceId: id, because: 'hmac', pin: true }
  const others = sharing.map((other) => other.id)
  return distrust(hostKeyRefusal('shared-secret', others), id)
}

function distrust(refusal: Refusal<HostKeyRefusalReason>, deviceId?: string): Distrust {
  return { trusted: false, ...refusal, ...(deviceId === undefined ? {} : { deviceId }) }
}
