import { createHash } from 'node:crypto'
import { createWireReader } from './wire-reader.js'

/** An SSH public key as it stands on the wire (RFC 4253 §6.6), with the comment of the line it came from. */
export interface PublicKey {
  readonly type: string
  readonly blob: Buffer
  readonly comment: string
}

/** Why a line is no public key, or not a plain one. The message holds no word of the line but for a key type. */
export interface PublicKeyFailure {
  readonly reason: 'malformed-key-line' | 'certificate' | 'certificate-authority' | 'revoked' | 'unsupported-key'
  readonly message: string
  readonly hint: string
}

export type ParsedPublicKey =
  | { readonly ok: true; readonly key: PublicKey }
  | { readonly ok: false; readonly failure: PublicKeyFailure }

/**
 * Reads one OpenSSH public key line of any type, `type base64 [comment]`, as in `id_ed25519.pub`; certificates are such
 * lines too. The type must equal the type inside the blob, so that a key cannot be named as another kind.
 */
export function parsePublicKeyLine(line: string): ParsedPublicKey {
  const words = wordsOf(line)
  const blob = words === undefined ? undefined : blobOf(words.base64)
  if (words === undefined || blob === undefined || !/^[a-z0-9@.-]+$/.test(words.type))
    return malformed('not an OpenSSH public key: it is not of the form `type base64 [comment]`')
  const { type, comment } = words
  if (keyTypeOf(blob) !== type)
    return malformed(`not an OpenSSH public key: it says ${type}, but its base64 part is not such a key`)
  return { ok: true, key: { type, blob, comment } }
}

/**
 * Reads the line of a plain key that an operator has written: a key of a type that is known here, with all of its
 * parts. A certificate, the line of a CA, and one with options or a host name before the key are refused, each with its
 * own cause.
 */
export function parsePlainKeyLine(line: string): ParsedPublicKey {
  const words = wordsOf(line)
  if (words === undefined) return malformed('expected one OpenSSH public key line')
  const { type, base64, comment } = words
  if (!isPlainKeyType(type)) return { ok: false, failure: whyNotAPlainKey(type, base64) }
  const blob = blobOf(base64)
  if (blob === undefined) return malformed('the key is not base64')
  const fields = fieldsOf(blob)
  if (fields === undefined) return malformed('the key is cut off or damaged')
  if (fields[0]?.toString('latin1') !== type)
    return malformed('the type before the key is not the type inside it', 'paste the line again from the .pub file')
  if (fields.length !== FIELD_COUNTS[type] || (type === 'ssh-ed25519' && fields[1]?.length !== 32))
    return malformed('the key is cut off or damaged')
  return { ok: true, key: { type, blob, comment } }
}

/** Whether a word is the name of a key type that `parsePlainKeyLine` knows. */
export function isPlainKeyType(word: string): boolean {
  return Object.hasOwn(FIELD_COUNTS, word)
}

/** The key type that a public key blob names (its first SSH string), or undefined when the blob is malformed. */
export function keyTypeOf(blob: Buffer): string | undefined {
  if (blob.length < 4) return undefined
  const length = blob.readUInt32BE(0)
  if (length === 0 || length > 64 || blob.length <= 4 + length) return undefined
  return blob.toString('latin1', 4, 4 + length)
}

/** The fingerprint that OpenSSH prints: `SHA256:` and unpadded base64 of the blob's SHA-256. */
export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

/** The form of what `fingerprintOf` gives. Some programs write the padding, a `=`, behind it. */
export const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}$/

/** A fingerprint that somebody has written, as `fingerprintOf` gives it; undefined where it is none. */
export function parseFingerprint(text: string): string | undefined {
  const fingerprint = text.replace(/=$/, '')
  return FINGERPRINT.test(fingerprint) ? fingerprint : undefined
}

/** The line that `known_hosts` and `authorized_keys` hold for a key, without a comment. */
export function publicKeyLine(key: Pick<PublicKey, 'type' | 'blob'>): string {
  return `${key.type} ${key.blob.toString('base64')}`
}

/** How many strings and numbers the wire form of each key type holds, its own name included. */
const FIELD_COUNTS: Readonly<Record<string, number>> = {
  'ssh-ed25519': 2,
  'ecdsa-sha2-nistp256': 3,
  'ecdsa-sha2-nistp384': 3,
  'ecdsa-sha2-nistp521': 3,
  'ssh-rsa': 3,
  'ssh-dss': 5,
}

const PASTE = 'paste the line of the .pub file: `ssh-ed25519 AAAA… comment`'

interface KeyLineWords {
  readonly type: string
  readonly base64: string
  /** Empty where there is none. */
  readonly comment: string
}

/** Takes a line apart at its blanks; undefined where it is more than one line, or fewer than two words. */
function wordsOf(line: string): KeyLineWords | undefined {
  // A device sends such a line before it has proven anything, so no two parts of the expression may match the same
  // spaces.
  const [, type, base64, comment = ''] = /^(\S+)[ \t]+(\S+)(?:[ \t]+(\S.*))?$/.exec(line.trim()) ?? []
  return type === undefined || base64 === undefined ? undefined : { type, base64, comment }
}

function blobOf(base64: string): Buffer | undefined {
  // Four characters hold three bytes; one character more than that holds none.
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(base64) && base64.length % 4 !== 1
  return isBase64 ? Buffer.from(base64, 'base64') : undefined
}

/** The strings and numbers of a key's wire form, or undefined when they do not fill it exactly. */
function fieldsOf(blob: Buffer): readonly Buffer[] | undefined {
  const reader = createWireReader(blob)
  const fields: Buffer[] = []
  while (reader.left() > 0) fields.push(reader.string())
  return reader.failure() === undefined ? fields : undefined
}

function whyNotAPlainKey(first: string, second: string): PublicKeyFailure {
  if (first.includes('-cert-v01@'))
    return {
      reason: 'certificate',
      message: 'a certificate instead of a public key',
      hint: 'write the plain public key',
    }
  if (first === '@revoked')
    return {
      reason: 'revoked',
      message: 'a revoked key does not belong here',
      hint: 'put it into a list of revoked keys',
    }
  if (first.includes('cert-authority'))
    return {
      reason: 'certificate-authority',
      message: 'a certificate authority does not belong here',
      hint: 'put it into a file of trusted CAs',
    }
  if (first.startsWith('sk-'))
    return {
      reason: 'unsupported-key',
      message: 'keys of security tokens (sk-…) are not supported by this version',
      hint: 'use an ed25519 key',
    }
  if (isPlainKeyType(second))
    return {
      reason: 'malformed-key-line',
      message: 'something stands before the key type',
      hint: 'remove the host name or the options before it, they are not supported here',
    }
  if (/[=",]/.test(first))
    return {
      reason: 'malformed-key-line',
      message: 'options before a key are not supported by this version',
      hint: 'remove them, and know that they would not be enforced',
    }
  return {
    reason: 'unsupported-key',
    message: 'not a known key type',
    hint: `expected one of ${Object.keys(FIELD_COUNTS).join(', ')}`,
  }
}

function malformed(message: string, hint: string = PASTE): ParsedPublicKey {
  return { ok: false, failure: { reason: 'malformed-key-line', message, hint } }
}
