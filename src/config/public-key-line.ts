import type { ParseResult } from './parse-result.js'

/** An OpenSSH public key: its type, its wire form (RFC 4253 §6.6) and the comment of its line. */
export interface PublicKey {
  readonly type: string
  readonly blob: Buffer
  readonly comment: string
}

/** How many strings and numbers the wire form of each key type holds, its own name included. */
const FIELDS: Readonly<Record<string, number>> = {
  'ssh-ed25519': 2,
  'ecdsa-sha2-nistp256': 3,
  'ecdsa-sha2-nistp384': 3,
  'ecdsa-sha2-nistp521': 3,
  'ssh-rsa': 3,
  'ssh-dss': 5,
}

const PASTE = 'paste the line of the .pub file: `ssh-ed25519 AAAA… comment`'

const CERTIFY =
  'name a file with the CA at `trust.known-hosts` (of devices) or `endpoint.ssh.trusted-user-ca-keys` (of users)'

/** Whether a word is the name of a key type that is read here. */
export function isKeyType(word: string): boolean {
  return Object.hasOwn(FIELDS, word)
}

/** Reads `type base64 [comment]`; the type inside the base64 must be the same, and nothing may be cut off. */
export function readPublicKeyLine(line: string): ParseResult<PublicKey> {
  const [first, second, ...rest] = line.trim().split(/[ \t]+/)
  if (first === undefined || second === undefined || /[\r\n]/.test(line.trim()))
    return refused('expected one OpenSSH public key line', PASTE)
  if (first.includes('-cert-v01@'))
    return refused('a certificate instead of a public key', `write the plain public key, or ${CERTIFY}`)
  const fields = Object.hasOwn(FIELDS, first) ? FIELDS[first] : undefined
  if (fields === undefined) return refused(...whyNotAKeyType(first, second))
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(second) || second.length % 4 === 1) return refused('the key is not base64', PASTE)
  const blob = Buffer.from(second, 'base64')
  const strings = wireStrings(blob)
  if (strings === undefined) return refused('the key is cut off or damaged', PASTE)
  if (strings[0]?.toString('latin1') !== first)
    return refused('the type before the key is not the type inside it', 'paste the line again from the .pub file')
  if (strings.length !== fields || (first === 'ssh-ed25519' && strings[1]?.length !== 32))
    return refused('the key is cut off or damaged', PASTE)
  return { ok: true, value: { type: first, blob, comment: rest.join(' ') } }
}

function whyNotAKeyType(first: string, second: string): [message: string, hint: string] {
  if (first === '@revoked')
    return [
      'a revoked key does not belong here',
      'put it into a file of `trust.revoked` or `endpoint.ssh.revoked-keys`',
    ]
  if (first.includes('cert-authority')) return ['a certificate authority does not belong here', CERTIFY]
  if (first.startsWith('sk-'))
    return ['keys of security tokens (sk-…) are not supported by this version', 'use an ed25519 key']
  if (Object.hasOwn(FIELDS, second))
    return [
      'something stands before the key type',
      'remove the host name or the options before it, they are not supported here',
    ]
  if (/[=",]/.test(first))
    return [
      'options before a key are not supported by this version',
      'remove them, and know that they would not be enforced',
    ]
  return ['not a known key type', `expected one of ${Object.keys(FIELDS).join(', ')}`]
}

/** The length-prefixed strings that fill a buffer exactly (RFC 4251 §5), or undefined when they do not. */
function wireStrings(blob: Buffer): readonly Buffer[] | undefined {
  const strings: Buffer[] = []
  let offset = 0
  while (offset < blob.length) {
    if (offset + 4 > blob.length) return undefined
    const end = offset + 4 + blob.readUInt32BE(offset)
    if (end > blob.length) return undefined
    strings.push(blob.subarray(offset + 4, end))
    offset = end
  }
  return strings
}

function refused(message: string, hint: string): ParseResult<PublicKey> {
  return { ok: false, message, hint }
}
