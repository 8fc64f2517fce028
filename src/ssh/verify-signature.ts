import type { PublicKeyAuthContext } from 'ssh2'
import { certificateAlgorithm } from './certificate-algorithms.js'
import { parseCertificate, type ParsedCertificate } from './certificate.js'
import { keyTypeOf } from './public-key.js'
import { SHA1, verifySignature } from './signature.js'
import { ssh2 } from './ssh2/load.js'

type OfferedKey = PublicKeyAuthContext['key']

/**
 * Whether a public key login carries a signature that its key made over this very session (RFC 4252 §7); with a
 * certificate, its certified key. RSA signatures with SHA-1 do not count (RFC 8332). Whether the key or the certificate
 * is anybody's is for others to judge.
 * @param by.sha1 lets them count all the same
 */
export function signatureHolds(
  { key, blob, signature, hashAlgo }: PublicKeyAuthContext,
  by: { readonly sha1?: boolean } = {},
): boolean {
  if (blob === undefined || signature === undefined) return false
  const offered = offeredCertificate(key)
  if (offered !== undefined) {
    const algorithm = certificateAlgorithm(key.algo)
    // ssh2 leaves the signature whole, with the algorithm in it, where it does not know the name of the key's.
    return (
      offered.ok &&
      algorithm !== undefined &&
      verifySignature({
        key: offered.certificate.key,
        data: blob,
        signature,
        expected: [algorithm.signature],
      }) === 'holds'
    )
  }
  // ssh2 takes the nonce of a certificate for its key when the certificate passes as a plain key.
  if (keyTypeOf(key.data) !== key.algo || key.algo.includes('-cert-')) return false
  if (key.algo === SHA1 && hashAlgo === undefined && by.sha1 !== true) return false
  const parsed = ssh2.utils.parseKey(Buffer.from(`${key.algo} ${key.data.toString('base64')}`))
  const publicKey = Array.isArray(parsed) ? parsed[0] : parsed
  if (publicKey === undefined || publicKey instanceof Error) return false
  return publicKey.verify(blob, signature, hashAlgo) === true
}

/** The name of the algorithm by which a public key login offers its key; ssh2 tells only the type of an RSA key. */
export function offeredAlgorithm({ key, hashAlgo }: Pick<PublicKeyAuthContext, 'key' | 'hashAlgo'>): string {
  if (key.algo !== SHA1 || hashAlgo === undefined) return key.algo
  return hashAlgo === 'sha512' ? 'rsa-sha2-512' : 'rsa-sha2-256'
}

/** The certificate that a public key login offers, or undefined when it offers a plain key. */
export function offeredCertificate({ algo, data }: OfferedKey): ParsedCertificate | undefined {
  const algorithm = certificateAlgorithm(algo)
  if (algorithm === undefined) return undefined
  const parsed = parseCertificate(data)
  if (!parsed.ok || parsed.certificate.type === algorithm.type) return parsed
  return {
    ok: false,
    failure: {
      reason: 'malformed-certificate',
      message: `it was offered as ${algo}, but is a ${parsed.certificate.type}`,
      hint: 'the client is at fault',
    },
  }
}
