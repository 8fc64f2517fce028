import { parseExactNetworks } from '../net/ip.js'
import { networkListOf } from '../net/network-list.js'
import type { Certificate } from './certificate.js'
import {
  type CertificateRefusal,
  type CertificateRefusalReason,
  judgeCertificate,
  refuseCertificate,
} from './judge-certificate.js'
import { createWireReader } from './wire-reader.js'

export interface UserCertificatePolicy {
  /** Public key blobs of the user CAs. */
  readonly trustedCas: readonly Buffer[]
  readonly now: Date
  /** Any of these will do, as in an `AuthorizedPrincipalsFile`. */
  readonly principals: readonly string[]
  /** Where the client connected from, as a socket tells. */
  readonly remoteAddress: string
  /** Whether what a certificate forces is what this server runs anyway; nothing is when not given. */
  readonly runs?: (forcedCommand: string) => boolean
  readonly revocation?: (certificate: Certificate) => string | undefined
}

/** Why a user's certificate is refused: what may be wrong with any, and what its critical options ask. */
export type UserCertificateRefusalReason =
  | CertificateRefusalReason
  | 'malformed-option'
  | 'wrong-source-address'
  | 'forced-command'

export type UserCertificateVerdict =
  | {
      readonly accepted: true
      readonly certificate: Certificate
      /** The only thing that the user may run. */
      readonly forcedCommand?: string
    }
  | CertificateRefusal<UserCertificateRefusalReason>

/**
 * Judges a certificate that a user logs in with, and what its critical options `source-address` and `force-command` ask
 * (PROTOCOL.certkeys).
 */
export function judgeUserCertificate(certificate: Certificate, policy: UserCertificatePolicy): UserCertificateVerdict {
  const { trustedCas, now, principals, remoteAddress, runs, revocation } = policy
  const verdict = judgeCertificate(certificate, {
    role: 'user',
    trustedCas,
    now,
    acceptsPrincipals: (certified) => certified.some((principal) => principals.includes(principal)),
    knownCriticalOptions: ['source-address', 'force-command'],
    ...(revocation === undefined ? {} : { revocation }),
  })
  if (!verdict.accepted) return verdict
  const { ok: sourceIsWhole, text: source } = textOption(certificate, 'source-address')
  const networks = source === undefined ? [] : parseExactNetworks(source)
  const { ok: commandIsWhole, text: forcedCommand } = textOption(certificate, 'force-command')
  if (!sourceIsWhole || !commandIsWhole || networks === undefined)
    return refuseCertificate(
      'malformed-option',
      'its option source-address or force-command is malformed',
      'have the key signed again; addresses are given as 192.0.2.0/24 or 2001:db8::/32',
    )
  if (source !== undefined && !networkListOf(networks)(remoteAddress))
    return refuseCertificate(
      'wrong-source-address',
      `it is for use from ${source} only`,
      'log in from there, or have the key signed for this address too',
    )
  if (forcedCommand === undefined) return verdict
  if (runs?.(forcedCommand) !== true)
    return refuseCertificate(
      'forced-command',
      `it is for the command ${JSON.stringify(forcedCommand)} only, which is not run here`,
      'have the key signed without force-command',
    )
  return { ...verdict, forcedCommand }
}

/** The text of a critical option: `text` is undefined without the option, `ok` false where it is malformed. */
function textOption(
  { criticalOptions }: Certificate,
  name: string,
): { readonly ok: boolean; readonly text: string | undefined } {
  const data = criticalOptions.get(name)
  if (data === undefined) return { ok: true, text: undefined }
  const reader = createWireReader(data)
  const text = reader.text()
  return { ok: reader.failureAtEnd() === undefined, text }
}
