import { createHash } from 'node:crypto'
import { type Certificate, parseCertificate } from './certificate.js'
import { canonicalKey } from './verifying-key.js'

/** What must never be accepted, whoever vouches for it. */
export interface Revocations {
  /** Serials of certificates, both ends included; of any CA when none is given. */
  readonly serials: readonly { readonly ca?: Buffer; readonly from: bigint; readonly to: bigint }[]
  /** Key ids of certificates; of any CA when none is given. */
  readonly keyIds: readonly { readonly ca?: Buffer; readonly keyId: string }[]
  /** Plain public key blobs, of hosts, users and CAs. */
  readonly keys: readonly Buffer[]
  /** Hashes of such blobs. */
  readonly fingerprints: readonly { readonly hash: 'sha1' | 'sha256'; readonly digest: Buffer }[]
}

export type RevocationFailure = {
  readonly reason: 'malformed-krl' | 'unsupported-krl' | 'malformed-revocation-line'
  readonly message: string
  readonly hint: string
}

export type ParsedRevocations =
  | { readonly ok: true; readonly revocations: Revocations }
  | { readonly ok: false; readonly failure: RevocationFailure }

export const nothingRevoked: Revocations = { serials: [], keyIds: [], keys: [], fingerprints: [] }

/** Several lists as one. */
export function joinRevocations(lists: readonly Revocations[]): Revocations {
  return {
    serials: lists.flatMap(({ serials }) => serials),
    keyIds: lists.flatMap(({ keyIds }) => keyIds),
    keys: lists.flatMap(({ keys }) => keys),
    fingerprints: lists.flatMap(({ fingerprints }) => fingerprints),
  }
}

/**
 * What of a public key blob, plain or a certificate, is revoked: `the key`, `its CA`, `its serial 7`, `its key id
 * "router1"`; undefined when nothing is. As OpenSSH's ssh_krl_check_key: the key itself and its CA by blob and
 * fingerprint, then the certificate. Serial 0 stands for "not numbered".
 */
export function revokedPart(revocations: Revocations, blob: Buffer): string | undefined {
  const parsed = parseCertificate(blob)
  if (parsed.ok) return revokedPartOf(revocations, parsed.certificate)
  return revokesKey(revocations, canonicalKey(blob)) ? 'the key' : undefined
}

/** The same for a certificate that was read already; serves as `revocation` of a certificate policy. */
export function revokedPartOf(revocations: Revocations, { key, ca, serial, keyId }: Certificate): string | undefined {
  const byThisCa = (entry: { readonly ca?: Buffer }): boolean => entry.ca === undefined || entry.ca.equals(ca.blob)
  if (revokesKey(revocations, key.blob)) return 'the key'
  if (revokesKey(revocations, ca.blob)) return 'its CA'
  if (revocations.keyIds.some((entry) => entry.keyId === keyId && byThisCa(entry)))
    return `its key id ${JSON.stringify(keyId)}`
  if (serial === 0n) return undefined
  return revocations.serials.some((entry) => entry.from <= serial && serial <= entry.to && byThisCa(entry))
    ? `its serial ${serial}`
    : undefined
}

function revokesKey({ keys, fingerprints }: Revocations, blob: Buffer): boolean {
  if (keys.some((key) => key.equals(blob))) return true
  return (['sha1', 'sha256'] as const).some((hash) => {
    const ofThisHash = fingerprints.filter((fingerprint) => fingerprint.hash === hash)
    if (ofThisHash.length === 0) return false
    const digest = createHash(hash).update(blob).digest()
    return ofThisHash.some((fingerprint) => fingerprint.digest.equals(digest))
  })
}
