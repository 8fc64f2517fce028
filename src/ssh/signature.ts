import { createPrivateKey, sign, verify } from 'node:crypto'
import type { ParsedKey } from 'ssh2'
import type { VerifyingKey, VerifyingKeyType } from './verifying-key.js'
import { sshMpint, sshString } from './wire.js'
import { createWireReader } from './wire-reader.js'

/** The algorithms that a signature may name (RFC 4253 §6.6, RFC 5656, RFC 8332, RFC 8709). SHA-1 is not among them. */
export type SignatureAlgorithm = Exclude<VerifyingKeyType, 'ssh-rsa'> | 'rsa-sha2-512' | 'rsa-sha2-256'

/** RSA with SHA-1, which the bridge signs with and takes only where somebody has allowed it. */
export const SHA1 = 'ssh-rsa'

export type AnySignatureAlgorithm = SignatureAlgorithm | typeof SHA1

const hashes: Readonly<Record<AnySignatureAlgorithm, string | null>> = {
  // oxlint-disable-next-line unicorn/no-null -- Node's word for a signature without a hash of its own
  'ssh-ed25519': null,
  'ecdsa-sha2-nistp256': 'sha256',
  'ecdsa-sha2-nistp384': 'sha384',
  'ecdsa-sha2-nistp521': 'sha512',
  'rsa-sha2-512': 'sha512',
  'rsa-sha2-256': 'sha256',
  [SHA1]: 'sha1',
}

/** The algorithms that keys of a type sign with, best first. */
export function signatureAlgorithmsOf(keyType: VerifyingKeyType): readonly SignatureAlgorithm[] {
  return keyType === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [keyType]
}

/** What a signature is verified by. */
export interface SignatureCase {
  readonly key: VerifyingKey
  /** What was signed. */
  readonly data: Buffer
  /** A signature blob: `string algorithm, string signature`. */
  readonly signature: Buffer
  /** The algorithms that will do; all of the key when not given. */
  readonly expected?: readonly SignatureAlgorithm[]
}

/**
 * Whether a signature blob was made by the key over the data.
 * `refused-algorithm` is one that the key must not sign with, such as RSA with SHA-1, or none of the expected ones.
 */
export function verifySignature({
  key,
  data,
  signature,
  expected = signatureAlgorithmsOf(key.type),
}: SignatureCase): 'holds' | 'does-not-hold' | 'refused-algorithm' {
  const reader = createWireReader(signature)
  const name = reader.text()
  const value = reader.string()
  if (reader.failureAtEnd() !== undefined) return 'does-not-hold'
  const algorithm = signatureAlgorithmsOf(key.type).find((possible) => possible === name)
  if (algorithm === undefined || !expected.includes(algorithm)) return 'refused-algorithm'
  const fixed = fixedSize(key, value)
  if (fixed === undefined) return 'does-not-hold'
  return verify(hashes[algorithm], data, { key: key.keyObject, dsaEncoding: 'ieee-p1363' }, fixed)
    ? 'holds'
    : 'does-not-hold'
}

/** The signature in the one length that node:crypto takes, or undefined when it is malformed. */
function fixedSize({ type, size }: VerifyingKey, value: Buffer): Buffer | undefined {
  if (type === 'ssh-ed25519') return value.length === size ? value : undefined
  if (type === 'ssh-rsa') return leftPadded(value, size)
  const reader = createWireReader(value)
  const [r, s] = [leftPadded(reader.mpint(), size), leftPadded(reader.mpint(), size)]
  if (reader.failureAtEnd() !== undefined || r === undefined || s === undefined) return undefined
  return Buffer.concat([r, s])
}

/** Some implementations drop leading zeros of an RSA signature (OpenSSH ssh-rsa.c). */
function leftPadded(bytes: Buffer, size: number): Buffer | undefined {
  return bytes.length > size ? undefined : Buffer.concat([Buffer.alloc(size - bytes.length), bytes])
}

/**
 * Signs with a private key: a signature blob, `string algorithm, string signature`. Throws when OpenSSL refuses the
 * key.
 */
export function signatureBlob(key: ParsedKey, algorithm: AnySignatureAlgorithm, data: Buffer): Buffer {
  return Buffer.concat([sshString(algorithm), sshString(signatureValue(key, algorithm, data))])
}

/** The inner string of a signature blob. Throws when OpenSSL refuses the key. */
export function signatureValue(key: ParsedKey, algorithm: AnySignatureAlgorithm, data: Buffer): Buffer {
  const privateKey = createPrivateKey(key.getPrivatePEM())
  const value = sign(hashes[algorithm], data, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  if (!algorithm.startsWith('ecdsa-')) return value
  const half = value.length / 2
  return Buffer.concat([sshMpint(value.subarray(0, half)), sshMpint(value.subarray(half))])
}
