import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { sshMpint, sshString } from './wire.js'
import { createWireReader, type WireReader } from './wire-reader.js'
import { strangerText } from '../lib/stranger-text.js'

/** A public key that can verify signatures. */
export interface VerifyingKey {
  readonly type: VerifyingKeyType
  /** The plain key as on the wire (RFC 4253 §6.6), never a certificate; always written in the one shortest way. */
  readonly blob: Buffer
  readonly keyObject: KeyObject
  /** Bytes of a signature: the modulus of an RSA key, a coordinate of an elliptic curve, or 64 of Ed25519. */
  readonly size: number
}

export type VerifyingKeyType = 'ssh-ed25519' | 'ssh-rsa' | CurveType
type CurveType = 'ecdsa-sha2-nistp256' | 'ecdsa-sha2-nistp384' | 'ecdsa-sha2-nistp521'

export type KeyFailure = {
  readonly reason: 'malformed-key' | 'unsupported-key' | 'weak-key'
  readonly message: string
  readonly hint: string
}

export type ParsedVerifyingKey =
  | { readonly ok: true; readonly key: VerifyingKey }
  | { readonly ok: false; readonly failure: KeyFailure }

const curves: Readonly<Record<CurveType, { readonly name: string; readonly crv: string; readonly size: number }>> = {
  'ecdsa-sha2-nistp256': { name: 'nistp256', crv: 'P-256', size: 32 },
  'ecdsa-sha2-nistp384': { name: 'nistp384', crv: 'P-384', size: 48 },
  'ecdsa-sha2-nistp521': { name: 'nistp521', crv: 'P-521', size: 66 },
}

/** Bits of an RSA modulus: NIST SP 800-131A takes no shorter ones, OpenSSH no longer ones. */
const rsaBits = { least: 2048, most: 16384 }

/** OpenSSL takes longer exponents only with short moduli, and they make verification slow. */
const LONGEST_RSA_EXPONENT = 8

const ED25519_KEY_SIZE = 32
const ED25519_SIGNATURE_SIZE = 64

/**
 * Reads a plain public key blob: Ed25519, ECDSA on the three NIST curves, or RSA of 2048 bits and more. A certificate
 * is no such key.
 */
export function parseVerifyingKey(blob: Buffer): ParsedVerifyingKey {
  const reader = createWireReader(blob)
  const parsed = readKeyFields(reader, reader.text())
  const failure = reader.failureAtEnd()
  return parsed.ok && failure !== undefined ? malformed(failure) : parsed
}

/**
 * A plain key blob in the one shortest way, so that a key is known again however it was written: with zeros before its
 * numbers, or with bytes after its end, which ssh2 overlooks. What cannot be read is left as it is.
 */
export function canonicalKey(blob: Buffer): Buffer {
  const reader = createWireReader(blob)
  const parsed = readKeyFields(reader, reader.text())
  return parsed.ok ? parsed.key.blob : blob
}

/**
 * Reads the fields that follow the type in a public key, and the nonce in a certificate (OpenSSH PROTOCOL.certkeys).
 * @param type the plain key type
 */
export function readKeyFields(reader: WireReader, type: string): ParsedVerifyingKey {
  if (type === 'ssh-ed25519') {
    const x = reader.string()
    if (x.length !== ED25519_KEY_SIZE) return malformed(reader.failure() ?? 'an Ed25519 key has 32 octets')
    return verifyingKey({
      type,
      fields: [sshString(x)],
      jwk: { kty: 'OKP', crv: 'Ed25519', x: base64url(x) },
      size: ED25519_SIGNATURE_SIZE,
    })
  }
  if (isCurveType(type)) {
    const { name, crv, size } = curves[type]
    const curve = reader.text()
    const point = reader.string()
    if (reader.failure() !== undefined || curve !== name)
      return malformed(reader.failure() ?? `a ${type} key is on the curve ${name}`)
    // Only uncompressed points are used with SSH (RFC 5656 §3.1).
    if (point.length !== 1 + 2 * size || point[0] !== 4) return malformed('its point is not an uncompressed one')
    const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)]
    return verifyingKey({
      type,
      fields: [sshString(curve), sshString(point)],
      jwk: { kty: 'EC', crv, x: base64url(x), y: base64url(y) },
      size,
    })
  }
  if (type === 'ssh-rsa') {
    const e = reader.mpint()
    const n = reader.mpint()
    if (reader.failure() !== undefined) return malformed(reader.failure() ?? '')
    const bits = n.length * 8 - Math.clz32(n[0] ?? 0) + 24
    if (bits < rsaBits.least) return weak(`its RSA modulus has ${Math.max(bits, 0)} bits`)
    if (bits > rsaBits.most) return malformed(`its RSA modulus has ${bits} bits`)
    const odd = ((e.at(-1) ?? 0) & 1) === 1
    if (!odd || e.length > LONGEST_RSA_EXPONENT || (e.length === 1 && (e[0] ?? 0) < 3))
      return malformed('its RSA exponent is not usable')
    return verifyingKey({
      type,
      fields: [sshMpint(e), sshMpint(n)],
      jwk: { kty: 'RSA', e: base64url(e), n: base64url(n) },
      size: n.length,
    })
  }
  return {
    ok: false,
    failure: {
      reason: reader.failure() === undefined ? 'unsupported-key' : 'malformed-key',
      message:
        reader.failure() === undefined
          ? `keys of the type "${strangerText(type, 64)}" are not supported`
          : `not an OpenSSH public key: ${reader.failure()}`,
      hint: 'use a plain Ed25519, ECDSA or RSA key',
    },
  }
}

/**
 * Why verifying with a host key would cost more than it may, or undefined: an RSA key of absurd size (OpenSSH takes up
 * to 16384 bits). Keys of other types have the one size. Of a certificate, this is for `parseCertificate` to say.
 */
export function rsaKeyFault(blob: Buffer): string | undefined {
  const reader = createWireReader(blob)
  if (reader.text() !== 'ssh-rsa') return undefined
  const e = reader.mpint()
  const n = reader.mpint()
  if (n.length * 8 > rsaBits.most) return `its RSA modulus has more than ${rsaBits.most} bits`
  if (e.length > LONGEST_RSA_EXPONENT) return `its RSA exponent has more than ${LONGEST_RSA_EXPONENT * 8} bits`
  return undefined
}

function verifyingKey(parts: {
  readonly type: VerifyingKeyType
  /** Those of the blob after its type. */
  readonly fields: readonly Buffer[]
  readonly jwk: JsonWebKey
  /** Bytes of a signature, or of each half of an ECDSA one. */
  readonly size: number
}): ParsedVerifyingKey {
  const { type, fields, jwk, size } = parts
  try {
    const keyObject = createPublicKey({ key: jwk, format: 'jwk' })
    return { ok: true, key: { type, blob: Buffer.concat([sshString(type), ...fields]), keyObject, size } }
  } catch {
    return malformed('its numbers are no key')
  }
}

function isCurveType(type: string): type is CurveType {
  return Object.hasOwn(curves, type)
}

function base64url(bytes: Buffer): string {
  return bytes.toString('base64url')
}

function malformed(why: string): ParsedVerifyingKey {
  return {
    ok: false,
    failure: {
      reason: 'malformed-key',
      message: `not an OpenSSH public key: ${why}`,
      hint: 'copy the key again from its .pub file',
    },
  }
}

function weak(why: string): ParsedVerifyingKey {
  return {
    ok: false,
    failure: {
      reason: 'weak-key',
      message: `the key is too weak: ${why}`,
      hint: `make a new key, best with \`ssh-keygen -t ed25519\`; RSA needs ${rsaBits.least} bits and more`,
    },
  }
}
