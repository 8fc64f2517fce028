import { type Certificate, parseCertificate } from '../../ssh/certificate.js'
import { homeportCommand } from '../../lib/shell-word.js'
import { type CertificateRefusal, judgeCertificate } from '../../ssh/judge-certificate.js'
import { fingerprintOf, keyTypeOf, publicKeyLine } from '../../ssh/public-key.js'
import { canonicalKey } from '../../ssh/verifying-key.js'
import { revokedPart, revokedPartOf } from '../../ssh/revocation.js'
import type { Claim } from '../claim.js'
import type { DeviceIdFault } from '../device-id.js'
import { identifyDevice } from './identify-device.js'
import { hmacVouches } from './initiation-hmac.js'
import type { KnownDevice } from '../known-device.js'
import { type KnownDevices, namesOf } from '../known-devices.js'
import { casOf, knownHostsFor } from './known-hosts-for.js'
import type { TrustAnchors } from '../trust-anchors.js'

export type Evidence = 'certificate' | 'pin' | 'known-hosts' | 'hmac' | 'first-use'

/** Whether a host key that key exchange has proven makes a claim an identity, and why or why not. */
export type Verdict =
  /** `pin`: the key shall be kept, so that the next call is judged by it. */
  { readonly trusted: true; readonly deviceId: string; readonly because: Evidence; readonly pin: boolean } | Refusal

export interface Refusal {
  readonly trusted: false
  /** A stable word. `pending`: nothing speaks against it, and an operator may approve it. */
  readonly reason: string
  readonly deviceId?: string
  readonly message: string
  readonly hint: string
}

/**
 * Judges the host key, plain or a certificate, that a device proved in key exchange (RFC 8071 §3.1 C5). A device id alone proves nothing.
 * In order: what is revoked or was rejected is refused, whatever else vouches for it; a configured secret asks for its HMAC; then a certificate of a trusted CA,
 * a pin, known_hosts, the HMAC, and last the first-use policy. A key other than the pinned one is refused and never pends.
 * @param presented the blob from key exchange
 */
export function judgeHostKey(
  claim: Claim,
  presented: Buffer,
  known: KnownDevices,
  anchors: TrustAnchors,
  now: Date,
): Verdict {
  const { key, certificate, identification } = identified(claim, presented, known, anchors)
  if (!identification.found)
    return 'badName' in identification ? refuseName(key, identification.badName) : ambiguous(key, identification.owners)
  const { device } = identification
  const entries = knownHostsFor(anchors.knownHosts, [device.id, ...device.aliases])

  const revoked = revokedPart(anchors.revocations, presented) ?? revokedByKnownHosts(key, certificate, anchors)
  if (revoked !== undefined)
    return refuse('revoked', device.id, {
      message: `presented ${described(key)}, of which ${revoked} is revoked`,
      hint: 'make a new host key on the device; nothing brings a revoked one back',
    })
  if (device.rejected)
    return refuse('rejected', device.id, {
      message: `an operator has rejected it; it presented ${described(key)}`,
      hint: `if that was a mistake: ${homeportCommand('devices forget', device.id)}`,
    })

  const vouched = judgeHmac(claim, key, device)
  if (vouched !== 'vouched' && vouched !== 'not-asked') return vouched

  const certified =
    certificate === undefined ? undefined : judgeHostCertificate(certificate, device, entries, anchors, now)
  if (certified?.accepted === true) return { trusted: true, deviceId: device.id, because: 'certificate', pin: false }

  if (device.pins.some((pin) => pin.blob.equals(key)))
    return { trusted: true, deviceId: device.id, because: 'pin', pin: false }
  const listed = entries.filter(({ marker }) => marker === undefined)
  const isListed = listed.some((entry) => entry.key.blob.equals(key))
  if (isListed && device.expected) return { trusted: true, deviceId: device.id, because: 'known-hosts', pin: false }
  if (device.pins.length > 0 || (listed.length > 0 && !isListed))
    return refuse('host-key-not-pinned', device.id, {
      message: `presented ${described(key)}, which is none of the host keys that it is bound to`,
      hint: `otherwise someone else claims this device id; if the device was replaced or got a new key, compare the fingerprint with the device, then change its host-keys, or: ${homeportCommand(`devices repin --fingerprint ${fingerprintOf(key)}`, device.id)}`,
    })
  if (certified !== undefined && certified.reason !== 'untrusted-ca')
    return refuse(`certificate-${certified.reason}`, device.id, {
      message: `presented a host certificate that is refused: ${certified.message}`,
      hint: certified.hint,
    })
  if (vouched === 'vouched') return byHmacAlone(device, known)
  return firstUse(device.id, key, { certified, isListed, ...identification }, anchors)
}

/** What is there of a device that nothing vouches for. */
interface FirstUseEvidence {
  readonly certified: CertificateRefusal | undefined
  /** known_hosts has the key for this name, which proves a device that is expected and no other. */
  readonly isListed: boolean
  readonly known: boolean
  readonly named: boolean
}

function firstUse(
  deviceId: string,
  key: Buffer,
  { certified, isListed, known, named }: FirstUseEvidence,
  { firstUse: policy }: TrustAnchors,
): Verdict {
  if (policy === 'accept' && named) return { trusted: true, deviceId, because: 'first-use', pin: true }
  const who = named ? '' : 'sent no device id and '
  const signer = certified === undefined ? '' : `, certified by a CA that is not trusted (${certified.message})`
  const message = `${who}presented ${described(key)}${signer}, which ${isListed ? 'known_hosts has, but the device is not in `devices`' : 'nothing vouches for'}`
  const compare = 'compare the fingerprint with the device, then'
  if (policy === 'refuse')
    return refuse(
      known ? 'nothing-proves-it' : named ? 'unknown-device' : 'unknown-host-key',
      named ? deviceId : undefined,
      {
        message,
        hint: `${compare} add it under \`devices\` with \`host-keys: ["${publicKeyLine({ type: keyTypeOf(key) ?? 'unknown', blob: key })}"]\``,
      },
    )
  return refuse('pending', deviceId, {
    message,
    hint: named
      ? `${compare}: ${homeportCommand(`devices approve --fingerprint ${fingerprintOf(key)}`, deviceId)}`
      : `${compare}: ${homeportCommand(`devices approve --fingerprint ${fingerprintOf(key)} --as DEVICE-ID`, deviceId)}`,
  })
}

function judgeHostCertificate(
  certificate: Certificate,
  device: KnownDevice,
  entries: ReturnType<typeof knownHostsFor>,
  { revocations }: TrustAnchors,
  now: Date,
) {
  const names = namesOf(device)
  return judgeCertificate(certificate, {
    role: 'host',
    trustedCas: casOf(entries),
    now,
    acceptsPrincipals: (principals) => principals.some((principal) => names.includes(principal.toLowerCase())),
    revocation: (judged) => revokedPartOf(revocations, judged),
  })
}

/** `@revoked` counts whatever host it is written for: a key that was stolen from one device is no good for another. */
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
export function namesJudged(
  claim: Claim,
  presented: Buffer,
  known: KnownDevices,
  anchors: TrustAnchors,
): readonly string[] {
  const { identification } = identified(claim, presented, known, anchors)
  return identification.found ? [identification.device.id, ...identification.device.aliases] : []
}

function identified(claim: Claim, presented: Buffer, known: KnownDevices, anchors: TrustAnchors) {
  const parsed = parseCertificate(presented)
  const certificate = parsed.ok ? parsed.certificate : undefined
  // One key has several blobs, and a revoked one must not pass in another.
  const key = canonicalKey(certificate?.key.blob ?? presented)
  return { key, certificate, identification: identifyDevice(claim, key, certificate, known, anchors) }
}

function judgeHmac(claim: Claim, key: Buffer, { id, secret }: KnownDevice): 'vouched' | 'not-asked' | Refusal {
  if (secret === undefined) return 'not-asked'
  const { hostKey, hmac } = claim.form === 'junos' ? claim : {}
  if (hostKey === undefined || hmac === undefined)
    return refuse('missing-hmac', id, {
      message: 'a secret is configured for it, but its initiation sequence has no HOST-KEY and HMAC',
      hint: 'set the same secret on the device (`set system services outbound-ssh client … secret`), or take it out of the configuration',
    })
  if (!hmacVouches(secret, publicKeyLine(hostKey), hmac))
    return refuse('wrong-hmac', id, {
      message: 'the HMAC of its initiation sequence does not fit its secret',
      hint: 'the secret on the device and the one here differ; set both anew',
    })
  if (!hostKey.blob.equals(key))
    return refuse('announced-key-not-presented', id, {
      message: `announced ${described(hostKey.blob)}, but proved ${described(key)} in key exchange`,
      hint: 'the initiation sequence may be a replayed one; nothing is to be done unless the device itself is refused again and again',
    })
  return 'vouched'
}

/** The device id is not part of what the HMAC covers, so by the HMAC alone devices that share a secret cannot be told apart. */
function byHmacAlone({ id, secret }: KnownDevice, known: KnownDevices): Verdict {
  const sharing = secret === undefined ? [] : known.bySecret(secret).filter((other) => other.id !== id)
  if (sharing.length === 0) return { trusted: true, deviceId: id, because: 'hmac', pin: true }
  return refuse('shared-secret', id, {
    message: `its secret is also that of ${sharing.map((other) => other.id).join(', ')}, so the HMAC does not tell which of them it is`,
    hint: 'give each device a secret of its own, or add its host key to its host-keys',
  })
}

function ambiguous(key: Buffer, owners: readonly string[]): Refusal {
  return refuse('ambiguous-host-key', undefined, {
    message: `sent no device id, and ${described(key)} is the host key of ${owners.join(', ')}`,
    hint: 'give each device its own host key',
  })
}

function refuseName(key: Buffer, { fault, rule, why }: DeviceIdFault): Refusal {
  const because = why === undefined ? '' : ` (${why})`
  return refuse('certificate-bad-device-id', fingerprintOf(key), {
    message: `presented a host certificate for ${described(key)} whose only name ${fault}`,
    hint: `sign the host key again, for a name that can be a device id: one ${rule}${because}`,
  })
}

function described(key: Buffer): string {
  return `${keyTypeOf(key) ?? 'an unreadable key'} ${fingerprintOf(key)}`
}

function refuse(
  reason: string,
  deviceId: string | undefined,
  { message, hint }: { readonly message: string; readonly hint: string },
): Refusal {
  return { trusted: false, reason, ...(deviceId === undefined ? {} : { deviceId }), message, hint }
}
