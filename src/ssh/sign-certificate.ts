import { randomBytes } from 'node:crypto'
import type { ParsedKey } from 'ssh2'
import { certificateTypeOf } from './certificate-algorithms.js'
import { type Certificate, type CertificateRole, FOREVER, parseCertificate, roleNumbers } from './certificate.js'
import { signatureAlgorithmsOf, signatureBlob } from './signature.js'
import { parseVerifyingKey } from './verifying-key.js'
import { sshString, sshUint32, sshUint64 } from './wire.js'

export interface CertificateRequest {
  readonly role: CertificateRole
  /** The plain public key blob to certify. */
  readonly key: Buffer
  /** Shown in logs. */
  readonly keyId: string
  /** Names of hosts, in lower case as OpenSSH looks for them, or of users; at least one. */
  readonly principals: readonly string[]
  /** When the certificate begins and ceases to be valid, to the second. */
  readonly validity: { readonly from: Date; readonly to: Date } | 'always'
  /** 0 when not given: the CA numbers none. */
  readonly serial?: bigint
  /** Such as `source-address` and `force-command`, which only users' certificates have. */
  readonly criticalOptions?: Readonly<Record<string, string>>
  /** Names of extensions without data; for users those of ssh-keygen when not given, for hosts none. */
  readonly extensions?: readonly string[]
}

export type SigningFailure = {
  readonly reason: 'unusable-key' | 'unusable-ca-key' | 'no-principals' | 'never-valid' | 'unusable-request'
  readonly message: string
  readonly hint: string
}

export type SignedCertificate =
  | { readonly ok: true; readonly certificate: Certificate }
  | { readonly ok: false; readonly failure: SigningFailure }

/** What `ssh-keygen -s` gives users unless it is told otherwise. */
export const DEFAULT_USER_EXTENSIONS: readonly string[] = [
  'permit-X11-forwarding',
  'permit-agent-forwarding',
  'permit-port-forwarding',
  'permit-pty',
  'permit-user-rc',
]

/** Bytes of the nonce that ssh-keygen makes. */
const NONCE_SIZE = 32

/**
 * Makes a certificate as `ssh-keygen -s` does (OpenSSH PROTOCOL.certkeys). An RSA CA signs with SHA-512.
 * @param ca the private key of the CA: Ed25519, ECDSA or RSA
 */
export function signCertificate(ca: ParsedKey, request: CertificateRequest): SignedCertificate {
  const subject = parseVerifyingKey(request.key)
  if (!subject.ok) return refused('unusable-key', subject.failure.message, subject.failure.hint)
  const issuer = parseVerifyingKey(ca.getPublicSSH())
  if (!issuer.ok) return refused('unusable-ca-key', issuer.failure.message, issuer.failure.hint)
  if (request.principals.length === 0)
    return refused('no-principals', 'a certificate needs a principal', 'name who it is for')
  const [validAfter, validBefore] =
    request.validity === 'always' ? [0n, FOREVER] : [seconds(request.validity.from), seconds(request.validity.to)]
  if (validAfter === undefined || validBefore === undefined || validAfter >= validBefore)
    return refused('never-valid', 'the certificate would never be valid', 'let it end after it begins')
  const extensions = request.extensions ?? (request.role === 'user' ? DEFAULT_USER_EXTENSIONS : [])
  const { type, blob } = subject.key
  const certificateType = certificateTypeOf(type)
  const signed = Buffer.concat([
    sshString(certificateType),
    sshString(randomBytes(NONCE_SIZE)),
    // The fields of the key, without its type.
    blob.subarray(sshString(type).length),
    sshUint64(request.serial ?? 0n),
    sshUint32(roleNumbers[request.role]),
    sshString(request.keyId),
    sshString(Buffer.concat(request.principals.map((principal) => sshString(principal)))),
    sshUint64(validAfter),
    sshUint64(validBefore),
    optionList(Object.entries(request.criticalOptions ?? {}).map(([name, value]) => [name, sshString(value)])),
    optionList(extensions.map((name) => [name, Buffer.alloc(0)])),
    sshString(''),
    sshString(issuer.key.blob),
  ])
  const [algorithm] = signatureAlgorithmsOf(issuer.key.type)
  const signature = algorithm === undefined ? undefined : signatureOrNone(() => signatureBlob(ca, algorithm, signed))
  if (signature === undefined)
    return refused('unusable-ca-key', 'the key of the CA cannot sign', 'give its private key, not the public one')
  // What nobody could read again must not leave the CA.
  const parsed = parseCertificate(Buffer.concat([signed, sshString(signature)]))
  return parsed.ok
    ? { ok: true, certificate: parsed.certificate }
    : refused('unusable-request', parsed.failure.message, 'look at the key id, the principals and the options')
}

/** Names in the order of their bytes, as the format asks. */
function optionList(options: readonly (readonly [string, Buffer])[]): Buffer {
  const sorted = options
    .map(([name, data]) => [Buffer.from(name, 'utf8'), data] as const)
    .toSorted(([a], [b]) => Buffer.compare(a, b))
  return sshString(Buffer.concat(sorted.flatMap(([name, data]) => [sshString(name), sshString(data)])))
}

function seconds(time: Date): bigint | undefined {
  const value = Math.floor(time.getTime() / 1000)
  return value >= 0 ? BigInt(value) : undefined
}

function signatureOrNone(sign: () => Buffer): Buffer | undefined {
  try {
    return sign()
  } catch {
    return undefined
  }
}

function refused(cause: SigningFailure['reason'], message: string, hint: string): SignedCertificate {
  return { ok: false, failure: { reason: cause, message, hint } }
}
