import { createHash } from 'node:crypto'

/** An SSH public key as it stands on the wire (RFC 4253 §6.6), with the comment of the line it came from. */
export interface PublicKey {
  readonly type: string
  readonly blob: Buffer
  readonly comment: string
}

export type PublicKeyProblem = { readonly cause: 'malformed-key-line'; readonly message: string; readonly hint: string }

export type ParsedPublicKey =
  | { readonly ok: true; readonly key: PublicKey }
  | { readonly ok: false; readonly problem: PublicKeyProblem }

/**
 * Reads one OpenSSH public key line, `type base64 [comment]`, as in `id_ed25519.pub`.
 * The type must equal the type inside the blob, so that a key cannot be named as another kind.
 */
export function parsePublicKeyLine(line: string): ParsedPublicKey {
  // A device sends such a line before it has proven anything, so no two parts of the expression may match the same spaces.
  const match = /^([a-z0-9@.-]+)[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t]+(\S.*))?$/.exec(line.trim())
  const [, type, base64, comment] = match ?? []
  if (type === undefined || base64 === undefined) return malformed('it is not of the form `type base64 [comment]`')
  const blob = Buffer.from(base64, 'base64')
  if (keyTypeOf(blob) !== type) return malformed(`it says ${type}, but its base64 part is not such a key`)
  return { ok: true, key: { type, blob, comment: comment ?? '' } }
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

/** The line that `known_hosts` and `authorized_keys` hold for a key, without a comment. */
export function publicKeyLine(key: Pick<PublicKey, 'type' | 'blob'>): string {
  return `${key.type} ${key.blob.toString('base64')}`
}

function malformed(why: string): ParsedPublicKey {
  return {
    ok: false,
    problem: {
      cause: 'malformed-key-line',
      message: `not an OpenSSH public key: ${why}`,
      hint: 'paste the line of the .pub file, for example `ssh-ed25519 AAAA… comment`',
    },
  }
}
