import type { PublicKeyAuthContext } from 'ssh2'
import ssh2 from 'ssh2'

/**
 * Whether a public key login carries a signature that its key made over this very session (RFC 4252 §7).
 * RSA signatures with SHA-1 do not count (RFC 8332).
 */
export function signatureHolds({ key, blob, signature, hashAlgo }: PublicKeyAuthContext): boolean {
  if (blob === undefined || signature === undefined) return false
  if (key.algo === 'ssh-rsa' && hashAlgo === undefined) return false
  const parsed = ssh2.utils.parseKey(Buffer.from(`${key.algo} ${key.data.toString('base64')}`))
  const publicKey = Array.isArray(parsed) ? parsed[0] : parsed
  if (publicKey === undefined || publicKey instanceof Error) return false
  return publicKey.verify(blob, signature, hashAlgo) === true
}
