import { certifiedKeyType } from './certificate-algorithms.js'
import { type KeyFailure, parseVerifyingKey, readKeyFields, type VerifyingKey } from './verifying-key.js'
import { createWireReader } from './wire-reader.js'

/**
 * An OpenSSH certificate (OpenSSH PROTOCOL.certkeys) that was read, but not judged: nothing in it is to be believed
 * before `judgeCertificate` has accepted it.
 */
export interface Certificate {
  /** Such as `ssh-ed25519-cert-v01@openssh.com`. */
  readonly type: string
  /** The whole certificate as on the wire; a copy of its own. */
  readonly blob: Buffer
  readonly key: VerifyingKey
  /** 0 when the CA numbers none. */
  readonly serial: bigint
  readonly role: CertificateRole
  readonly keyId: string
  readonly principals: readonly string[]
  /** Seconds since 1970; 0 means always. */
  readonly validAfter: bigint
  /** Seconds since 1970, the first second of invalidity; `forever` means always. */
  readonly validBefore: bigint
  readonly criticalOptions: ReadonlyMap<string, Buffer>
  readonly extensions: ReadonlyMap<string, Buffer>
  readonly ca: VerifyingKey
  /** What the CA's signature is over. */
  readonly signed: Buffer
  readonly signature: Buffer
}

export type CertificateRole = 'user' | 'host'

export type CertificateFailure = {
  readonly reason: 'malformed-certificate' | 'unsupported-certificate' | 'weak-key'
  readonly message: string
  readonly hint: string
}

export type ParsedCertificate =
  | { readonly ok: true; readonly certificate: Certificate }
  | { readonly ok: false; readonly failure: CertificateFailure }

/** `validBefore` of a certificate that does not expire. */
export const FOREVER = 0xffff_ffff_ffff_ffffn

/** On the wire (`SSH_CERT_TYPE_USER`, `SSH_CERT_TYPE_HOST`). */
export const roleNumbers: Readonly<Record<CertificateRole, number>> = { user: 1, host: 2 }

/** OpenSSH reads no more (`SSHKEY_CERT_MAX_PRINCIPALS`). */
const MOST_PRINCIPALS = 256

/** Critical options, or extensions, of one certificate; OpenSSH itself knows ten. */
const MOST_OPTIONS = 64

/**
 * Reads a certificate as on the wire: Ed25519, ECDSA or RSA, by a CA of any of these types.
 * Refused: a certificate as CA, an option given twice, anything after the signature, an RSA key of less than 2048 bits.
 */
export function parseCertificate(input: Buffer): ParsedCertificate {
  // ssh2 hands out views of its packet buffers, which it uses again.
  const blob = Buffer.from(input)
  const reader = createWireReader(blob)
  const type = reader.text()
  const keyType = certifiedKeyType(type)
  if (keyType === undefined) return unsupported(reader.failure(), type)
  // The nonce says nothing: it makes hash collisions hard to prepare.
  reader.string()
  const key = readKeyFields(reader, keyType)
  if (!key.ok) return unusableKey('the certified key', key.failure)
  const serial = reader.uint64()
  const role = roleOf(reader.uint32())
  const keyId = reader.text()
  const principals = readPrincipals(reader.string())
  const validAfter = reader.uint64()
  const validBefore = reader.uint64()
  const criticalOptions = readOptions(reader.string())
  const extensions = readOptions(reader.string())
  // Reserved for later versions of the format.
  reader.string()
  const caBlob = reader.string()
  const signed = reader.since(0)
  const signature = reader.string()
  const failure = reader.failureAtEnd()
  if (failure !== undefined) return malformed(failure)
  if (role === undefined) return malformed('it is for neither users nor hosts')
  if (principals === undefined) return malformed('its list of principals is damaged or too long')
  if (criticalOptions === undefined)
    return malformed('its critical options are damaged or too many, or one is given twice')
  if (extensions === undefined) return malformed('its extensions are damaged or too many, or one is given twice')
  const ca = parseVerifyingKey(caBlob)
  if (!ca.ok) return unusableKey('the key of its CA', ca.failure)
  return {
    ok: true,
    certificate: {
      type,
      blob,
      key: key.key,
      serial,
      role,
      keyId,
      principals,
      validAfter,
      validBefore,
      criticalOptions,
      extensions,
      ca: ca.key,
      signed,
      signature,
    },
  }
}

/** Reads the line of a `-cert.pub` file, `type base64 [comment]`. */
export function parseCertificateLine(line: string): ParsedCertificate {
  const [, type, base64] = /^\s*([a-z0-9@.-]+)\s+([A-Za-z0-9+/]+={0,2})(?:\s.*)?$/.exec(line.trimEnd()) ?? []
  if (type === undefined || base64 === undefined) return malformed('it is not of the form `type base64 [comment]`')
  const parsed = parseCertificate(Buffer.from(base64, 'base64'))
  return parsed.ok && parsed.certificate.type !== type ? malformed(`it says ${type}, but is another type`) : parsed
}

/** The line of a `-cert.pub` file. */
export function certificateLine({ type, blob }: Certificate, comment = ''): string {
  return `${type} ${blob.toString('base64')}${comment === '' ? '' : ` ${comment}`}`
}

/**
 * The plain key of a public key blob that may be a certificate, as fingerprints and pins are about it; the blob itself
 * when it is plain.
 */
export function plainKeyOf(blob: Buffer): Buffer {
  const parsed = parseCertificate(blob)
  return parsed.ok ? parsed.certificate.key.blob : blob
}

function roleOf(wireNumber: number): CertificateRole | undefined {
  if (wireNumber === roleNumbers.user) return 'user'
  if (wireNumber === roleNumbers.host) return 'host'
  return undefined
}

function readPrincipals(list: Buffer): string[] | undefined {
  const reader = createWireReader(list)
  const principals: string[] = []
  while (reader.left() > 0 && principals.length <= MOST_PRINCIPALS) principals.push(reader.text())
  return reader.failureAtEnd() === undefined && principals.length <= MOST_PRINCIPALS ? principals : undefined
}

function readOptions(list: Buffer): ReadonlyMap<string, Buffer> | undefined {
  const reader = createWireReader(list)
  const options = new Map<string, Buffer>()
  while (reader.left() > 0) {
    const name = reader.text()
    if (options.has(name) || options.size === MOST_OPTIONS) return undefined
    options.set(name, reader.string())
  }
  return reader.failure() === undefined ? options : undefined
}

const REMEDY = 'sign the key again with `ssh-keygen -s CA …` and use the new -cert.pub file'

function malformed(why: string): ParsedCertificate {
  return {
    ok: false,
    failure: { reason: 'malformed-certificate', message: `not an OpenSSH certificate: ${why}`, hint: REMEDY },
  }
}

function unsupported(failure: string | undefined, type: string): ParsedCertificate {
  if (failure !== undefined) return malformed(failure)
  return {
    ok: false,
    failure: {
      reason: 'unsupported-certificate',
      message: `${JSON.stringify(type.slice(0, 64))} is not a supported type of certificate`,
      hint: 'certify an Ed25519, ECDSA or RSA key',
    },
  }
}

function unusableKey(which: string, { reason: cause, message, hint }: KeyFailure): ParsedCertificate {
  const causes = {
    'malformed-key': 'malformed-certificate',
    'unsupported-key': 'unsupported-certificate',
    'weak-key': 'weak-key',
  } as const
  return { ok: false, failure: { reason: causes[cause], message: `in ${which}: ${message}`, hint } }
}
