import { type Certificate, type CertificateRole, FOREVER } from './certificate.js'
import { fingerprintOf } from './public-key.js'
import type { Refusal } from '../lib/refusal.js'
import { verifySignature } from './signature.js'

/** Why a certificate of either role is refused. The words are stable: they stand in logs and metrics. */
export type CertificateRefusalReason =
  | 'untrusted-ca'
  | 'weak-ca-signature'
  | 'bad-ca-signature'
  | 'wrong-role'
  | 'revoked'
  | 'not-yet-valid'
  | 'expired'
  | 'unknown-critical-option'
  | 'no-principals'
  | 'wrong-principal'

export type CertificateRefusal<Reason extends string = CertificateRefusalReason> = Refusal<Reason> & {
  readonly accepted: false
}

export type CertificateVerdict = { readonly accepted: true; readonly certificate: Certificate } | CertificateRefusal

export interface CertificatePolicy {
  readonly role: CertificateRole
  /** Public key blobs of the CAs that may certify for this role. */
  readonly trustedCas: readonly Buffer[]
  readonly now: Date
  /** Whether one of the certificate's principals is who is expected. Never asked about an empty list. */
  readonly acceptsPrincipals: (principals: readonly string[]) => boolean
  /** Critical options that the caller enforces; none are defined for hosts. */
  readonly knownCriticalOptions?: readonly string[]
  /** What of the certificate is revoked, in words (`the key`), or undefined when nothing is. */
  readonly revocation?: (certificate: Certificate) => string | undefined
}

/**
 * Judges a certificate as OpenSSH does (PROTOCOL.certkeys, sshkey_cert_check_authority): nothing in it is believed
 * before a trusted CA's signature, made with SHA-2, was found to hold. A certificate without principals is nobody's, as
 * since OpenSSH 10.3. That the peer holds the private key is for key exchange or login to prove.
 */
export function judgeCertificate(certificate: Certificate, policy: CertificatePolicy): CertificateVerdict {
  const { ca, principals } = certificate
  if (!policy.trustedCas.some((trusted) => trusted.equals(ca.blob)))
    return refuseCertificate(
      'untrusted-ca',
      `it was signed by ${ca.type} ${fingerprintOf(ca.blob)}, which is no trusted ${policy.role} CA`,
      'if that CA is yours, trust its public key; otherwise have the key signed by a trusted one',
    )
  const signature = verifySignature({ key: ca, data: certificate.signed, signature: certificate.signature })
  if (signature === 'refused-algorithm')
    return refuseCertificate(
      'weak-ca-signature',
      'its CA signed it with an algorithm that is not accepted, such as SHA-1',
      'sign the key again with `ssh-keygen -t rsa-sha2-512 -s CA …`',
    )
  if (signature === 'does-not-hold')
    return refuseCertificate(
      'bad-ca-signature',
      "its CA's signature does not hold: it was damaged or forged",
      'copy the -cert.pub file again from where it was signed',
    )
  if (certificate.role !== policy.role)
    return refuseCertificate(
      'wrong-role',
      `it is a ${certificate.role} certificate`,
      policy.role === 'host' ? 'sign host keys with `ssh-keygen -h`' : 'sign user keys without `ssh-keygen -h`',
    )
  const revoked = policy.revocation?.(certificate)
  if (revoked !== undefined)
    return refuseCertificate(
      'revoked',
      `${revoked} is revoked`,
      'make a new key and have it certified; nothing brings a revoked one back',
    )
  const now = BigInt(Math.floor(policy.now.getTime() / 1000))
  if (now < certificate.validAfter)
    return refuseCertificate(
      'not-yet-valid',
      `it is valid from ${moment(certificate.validAfter)}`,
      'compare the clocks of the CA and of this machine',
    )
  if (now >= certificate.validBefore)
    return refuseCertificate(
      'expired',
      `it was valid until ${moment(certificate.validBefore)}`,
      'have the key signed again',
    )
  for (const name of certificate.criticalOptions.keys())
    if (policy.knownCriticalOptions?.includes(name) !== true)
      return refuseCertificate(
        'unknown-critical-option',
        `it has the critical option ${JSON.stringify(name)}, which is not known here`,
        'have the key signed without that option',
      )
  if (principals.length === 0)
    return refuseCertificate(
      'no-principals',
      'it lists no principals, so it is for nobody in particular',
      'have the key signed with `-n NAME`',
    )
  if (!policy.acceptsPrincipals(principals))
    return refuseCertificate(
      'wrong-principal',
      `it is for ${named(principals)}`,
      'have the key signed for the expected name with `-n NAME`',
    )
  return { accepted: true, certificate }
}

/** A refusal of a certificate, for judgements that ask more than `judgeCertificate`. */
export function refuseCertificate<Reason extends string>(
  reason: Reason,
  message: string,
  hint: string,
): CertificateRefusal<Reason> {
  return { accepted: false, reason, message, hint }
}

/** Principals in a message; a certificate may have hundreds. */
const MOST_NAMED = 5

function named(principals: readonly string[]): string {
  const names = principals.slice(0, MOST_NAMED).map((principal) => JSON.stringify(principal))
  return [...names, ...(principals.length > MOST_NAMED ? [`${principals.length - MOST_NAMED} more`] : [])].join(', ')
}

/** The last second that a Date can hold (ECMA-262 §21.4.1.1). */
const LAST_SECOND = 8_640_000_000_000n

/** A time of a certificate in ISO 8601. */
function moment(seconds: bigint): string {
  if (seconds === FOREVER || seconds > LAST_SECOND) return 'the end of time'
  return new Date(Number(seconds) * 1000).toISOString()
}
