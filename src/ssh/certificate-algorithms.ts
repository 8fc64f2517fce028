import type { ServerHostKeyAlgorithm } from 'ssh2'
import type { SignatureAlgorithm } from './signature.js'
import type { VerifyingKeyType } from './verifying-key.js'

/** How a certificate is named in key exchange and login, and what that name stands for (OpenSSH PROTOCOL.certkeys). */
export interface CertificateAlgorithm {
  /** The name of the algorithm in SSH_MSG_KEXINIT and SSH_MSG_USERAUTH_REQUEST. */
  readonly name: string
  /** The type inside the certificate. */
  readonly type: string
  /** The type of the certified key. */
  readonly keyType: VerifyingKeyType
  /** The algorithm that a signature by the certified key names. */
  readonly signature: SignatureAlgorithm
}

const CERTIFICATE_SUFFIX = '-cert-v01@openssh.com'

/**
 * All that are accepted, best first. `ssh-rsa-cert-v01@openssh.com` is no algorithm here, for it means SHA-1 (RFC
 * 8332).
 */
export const CERTIFICATE_ALGORITHMS: readonly CertificateAlgorithm[] = [
  plain('ssh-ed25519'),
  plain('ecdsa-sha2-nistp256'),
  plain('ecdsa-sha2-nistp384'),
  plain('ecdsa-sha2-nistp521'),
  rsa('rsa-sha2-512'),
  rsa('rsa-sha2-256'),
]

function plain(keyType: Exclude<VerifyingKeyType, 'ssh-rsa'>): CertificateAlgorithm {
  return { name: keyType + CERTIFICATE_SUFFIX, type: keyType + CERTIFICATE_SUFFIX, keyType, signature: keyType }
}

function rsa(signature: 'rsa-sha2-512' | 'rsa-sha2-256'): CertificateAlgorithm {
  return { name: signature + CERTIFICATE_SUFFIX, type: certificateTypeOf('ssh-rsa'), keyType: 'ssh-rsa', signature }
}

/** The type of a certificate for keys of a type. */
export function certificateTypeOf(keyType: VerifyingKeyType): string {
  return keyType + CERTIFICATE_SUFFIX
}

/** The type of the key that certificates of a type certify, or undefined when it is no type of certificate. */
export function certifiedKeyType(type: string): VerifyingKeyType | undefined {
  return CERTIFICATE_ALGORITHMS.find((algorithm) => algorithm.type === type)?.keyType
}

/** The algorithm of that name, or undefined when it is none for certificates. */
export function certificateAlgorithm(name: string): CertificateAlgorithm | undefined {
  return CERTIFICATE_ALGORITHMS.find((algorithm) => algorithm.name === name)
}

/**
 * The host certificate algorithms to offer when the certified key is expected to be of one of these plain types; all
 * when none is expected. They go before the plain ones of `hostKeyAlgorithmsFor`, because the client's order decides
 * (RFC 4253 §7.1).
 * @param accepted the names of those that may be offered; all when not given
 */
export function hostCertificateAlgorithmsFor(
  keyTypes: readonly string[],
  accepted?: readonly string[],
): ServerHostKeyAlgorithm[] {
  return (
    CERTIFICATE_ALGORITHMS.filter(({ keyType }) => keyTypes.length === 0 || keyTypes.includes(keyType))
      .filter(({ name }) => accepted?.includes(name) ?? true)
      // ssh2's types know no certificates; `connectClient` makes ssh2 itself take them.
      .map(({ name }) => name as ServerHostKeyAlgorithm)
  )
}
