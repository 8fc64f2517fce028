import type { Certificate } from '../../ssh/certificate.js'
import { fingerprintOf } from '../../ssh/public-key.js'
import { verifySignature } from '../../ssh/signature.js'
import type { Claim } from '../claim.js'
import type { KnownDevice } from '../known-device.js'
import type { KnownDevices } from '../known-devices.js'
import { type DeviceIdFault, faultOfDeviceId } from '../device-id.js'
import { knownHostsFor } from './known-hosts-for.js'
import type { TrustAnchors } from '../trust-anchors.js'

export type Identification =
  /**
   * Whom the connection is judged as. `named` is false for a device that said no id, and goes by its fingerprint until
   * it is given one.
   */
  | { readonly found: true; readonly device: KnownDevice; readonly known: boolean; readonly named: boolean }
  | { readonly found: false; readonly owners: readonly string[] }
  /** A trusted CA certified nothing but names that are no device ids. */
  | { readonly found: false; readonly badName: DeviceIdFault }

/** What a device is identified by; `key` is the plain one, also where a certificate was presented. */
export interface IdentificationCase {
  readonly claim: Claim
  readonly key: Buffer
  readonly certificate: Certificate | undefined
  readonly known: KnownDevices
  readonly anchors: TrustAnchors
}

/**
 * Finds out which device a connection is to be judged as: the one of the claimed device id; without one the owner of
 * the pinned key, the principal or key id of a certificate whose CA is trusted, or whoever has the key in known_hosts.
 * Never the source address. Nothing is believed by this: the judgement comes after.
 */
export function identifyDevice({ claim, key, certificate, known, anchors }: IdentificationCase): Identification {
  if (claim.form !== 'none') {
    const device = claimedDevice(claim, known)
    if (device !== undefined) return { found: true, device, known: true, named: true }
    return { found: true, device: stranger(claim.deviceIds[0] ?? fingerprintOf(key)), known: false, named: true }
  }
  const byPin = known.byPin(key)
  if (byPin.length > 0) return oneOf(byPin)
  const certified = certificate === undefined ? [] : certificateNames(certificate, anchors)
  const names = certified.filter((name) => faultOfDeviceId(name) === undefined)
  const byCertificate = [...new Set(names.flatMap((name) => known.byName(name)))]
  if (byCertificate.length > 0) return oneOf(byCertificate)
  const [name] = names
  if (name !== undefined) return { found: true, device: stranger(name), known: false, named: true }
  const byKnownHosts = listedIn(anchors, key, known)
  if (byKnownHosts.length > 0) return oneOf(byKnownHosts)
  const byFingerprint = known.byId(fingerprintOf(key))
  if (byFingerprint !== undefined) return { found: true, device: byFingerprint, known: true, named: false }
  const [badName] = certified.flatMap((named) => faultOfDeviceId(named) ?? [])
  if (badName !== undefined) return { found: false, badName }
  return { found: true, device: stranger(fingerprintOf(key)), known: false, named: false }
}

/** The known device that a connection is judged as by what it says: of several names it is the first that is known. */
export function claimedDevice({ deviceIds }: Claim, known: KnownDevices): KnownDevice | undefined {
  return deviceIds.map((id) => known.byId(id)).find((found) => found !== undefined)
}

/** Whose key it is in known_hosts; only where it stands there at all is anybody looked for. */
function listedIn({ knownHosts }: TrustAnchors, key: Buffer, known: KnownDevices): readonly KnownDevice[] {
  const entries = knownHosts.filter((entry) => entry.key.blob.equals(key))
  if (entries.length === 0) return []
  return [...known.all()].filter(({ id, aliases }) => knownHostsFor(entries, [id, ...aliases]).length > 0)
}

/**
 * The names that a host certificate gives, as far as its CA, whose signature holds, may certify them. Anybody can write
 * a certificate that names a CA and a device, so nothing else of it counts.
 */
function certificateNames(certificate: Certificate, { knownHosts }: TrustAnchors): string[] {
  const { principals, keyId, ca, role, signed, signature } = certificate
  // The CA first: strangers may name any, with as many principals as there can be.
  const ofThisCa = knownHosts.filter(({ marker, key }) => marker === 'cert-authority' && key.blob.equals(ca.blob))
  if (role !== 'host' || ofThisCa.length === 0 || verifySignature({ key: ca, data: signed, signature }) !== 'holds')
    return []
  // A certificate is for its principals; its key id tells which of several is meant.
  const names = principals.includes(keyId) ? [keyId] : principals
  return names.map((name) => name.toLowerCase()).filter((name) => knownHostsFor(ofThisCa, [name]).length > 0)
}

function oneOf(devices: readonly KnownDevice[]): Identification {
  const [device, another] = devices
  if (device === undefined || another !== undefined) return { found: false, owners: devices.map(({ id }) => id) }
  return { found: true, device, known: true, named: true }
}

function stranger(id: string): KnownDevice {
  return { id, aliases: [], pins: [], expected: false, rejected: false }
}
