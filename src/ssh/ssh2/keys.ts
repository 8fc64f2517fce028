/**
 * Objects that ssh2 takes for private keys it has parsed itself,
 * so that it logs in with certificates and agents, presents host certificates, and never signs with SHA-1.
 */
import type { ParsedKey, ServerConfig } from 'ssh2'
import { type AgentIdentity, type AgentFailure, signWithAgent } from '../agent.js'
import { CERTIFICATE_ALGORITHMS } from '../certificate-algorithms.js'
import type { Certificate } from '../certificate.js'
import { publicKeyLine } from '../public-key.js'
import { type AnySignatureAlgorithm, SHA1, signatureAlgorithmsOf, signatureBlob, signatureValue } from '../signature.js'
import { parseVerifyingKey, type VerifyingKeyType } from '../verifying-key.js'
import { ssh2 } from './load.js'

/** How a key proves itself in a login: the names it goes by, best first, and its signature blobs. */
export interface LoginMeans {
  readonly algorithms: readonly { readonly name: string; readonly signature: AnySignatureAlgorithm }[]
  /** Rejects when the key cannot sign. */
  readonly sign: (algorithm: AnySignatureAlgorithm, data: Buffer) => Promise<Buffer>
}

const loginMeans = new WeakMap<object, LoginMeans>()

/** What `connectClient` logs in with in place of ssh2's own way; undefined for a key that ssh2 parsed. */
export function loginMeansOf(key: unknown): LoginMeans | undefined {
  return typeof key === 'object' && key !== null ? loginMeans.get(key) : undefined
}

export type KeyPairFailure = {
  readonly reason: 'certificate-of-another-key' | 'certificate-of-another-role' | 'unusable-key'
  readonly message: string
  readonly hint: string
}

export type LoginKey =
  | { readonly ok: true; readonly key: ParsedKey }
  | { readonly ok: false; readonly failure: KeyPairFailure }

/**
 * A key for an `authHandler` entry of type `publickey` of a client that `connectClient` connects: a private key, alone
 * or with its user certificate. RSA signs with SHA-512, or with SHA-256 for a server that says it knows only that.
 * @param accepted the names of the algorithms that it may be offered by; the usual ones when not given
 */
export function loginKey(privateKey: ParsedKey, certificate?: Certificate, accepted?: readonly string[]): LoginKey {
  if (certificate !== undefined || accepted !== undefined) return makeLoginKey(privateKey, certificate, accepted)
  const known = plainLoginKeys.get(privateKey)
  if (known !== undefined) return known
  const made = makeLoginKey(privateKey)
  plainLoginKeys.set(privateKey, made)
  return made
}

/** Thousands of links log in with the same key. */
const plainLoginKeys = new WeakMap<ParsedKey, LoginKey>()

function makeLoginKey(privateKey: ParsedKey, certificate?: Certificate, accepted?: readonly string[]): LoginKey {
  const plain = parseVerifyingKey(privateKey.getPublicSSH())
  if (!plain.ok) return refused('unusable-key', plain.failure.message, plain.failure.hint)
  const failure = certificate === undefined ? undefined : mismatch(plain.key.blob, certificate, 'user')
  if (failure !== undefined) return failure
  return loginKeyOf(privateKey, certificate, {
    algorithms: acceptedOf(plain.key.type, certificate, accepted),
    sign: async (signature, data) => signatureBlob(privateKey, signature, data),
  })
}

/**
 * The same for a key that an ssh-agent holds, with its certificate if it holds one.
 * @param options.onProblem hears why the agent did not sign; the login then goes on with the next method
 * @param options.timeout milliseconds for each signature
 */
export function agentLoginKey(
  identity: AgentIdentity,
  options: {
    readonly accepted?: readonly string[] | undefined
    readonly onProblem?: (failure: AgentFailure) => void
    readonly timeout?: number
  } = {},
): LoginKey {
  const { accepted, onProblem, timeout } = options
  const { key, certificate } = identity
  const parsed = ssh2.utils.parseKey(publicKeyLine(key))
  const base = Array.isArray(parsed) ? parsed[0] : parsed
  // ssh2 knows every type of key that an AgentIdentity can have.
  if (base === undefined || base instanceof Error) throw new Error(`ssh2 cannot read a key of type ${key.type}`)
  return loginKeyOf(base, certificate, {
    algorithms: acceptedOf(key.type, certificate, accepted),
    sign: async (algorithm, data) => {
      const answer = await signWithAgent(identity, { algorithm, data, timeout })
      if (answer.ok) return answer.value
      onProblem?.(answer.failure)
      throw new Error(answer.failure.message)
    },
  })
}

function loginKeyOf(base: ParsedKey, certificate: Certificate | undefined, means: LoginMeans): LoginKey {
  const [best] = means.algorithms
  if (best === undefined)
    return refused(
      'unusable-key',
      `a key of type ${base.type} is not used: none of its algorithms may be`,
      'add one of them to `pubkey-accepted-algorithms`, or log in with a key of another type',
    )
  const blob = certificate?.blob ?? base.getPublicSSH()
  const key = derivedKey(base, {
    type: best.name,
    getPublicSSH: () => blob,
    isPrivateKey: () => true,
  })
  loginMeans.set(key, means)
  return { ok: true, key }
}

/** A private key that a server presents, with the host certificates for it. */
export interface HostKey {
  readonly key: ParsedKey
  readonly certificates?: readonly Certificate[]
}

export type ServerHostKeys =
  | { readonly ok: true; readonly hostKeys: ServerConfig['hostKeys'] }
  | { readonly ok: false; readonly failure: KeyPairFailure }

/**
 * The `hostKeys` of an ssh2 Server: certificates, then the plain keys, for clients that know no certificates. ssh2
 * would offer SHA-1 signatures (`ssh-rsa`) for an RSA key whatever its configuration says; here it offers rsa-sha2-512
 * and rsa-sha2-256. The server's connections must be given to `acceptClient`.
 */
export function serverHostKeys(hostKeys: readonly HostKey[]): ServerHostKeys {
  const certified: ParsedKey[] = []
  const plain: ParsedKey[] = []
  for (const { key, certificates = [] } of hostKeys) {
    const parsed = parseVerifyingKey(key.getPublicSSH())
    if (!parsed.ok) return refused('unusable-key', parsed.failure.message, parsed.failure.hint)
    for (const certificate of certificates) {
      const failure = mismatch(parsed.key.blob, certificate, 'host')
      if (failure !== undefined) return failure
      for (const one of hostKeysOf(key, parsed.key.type, certificate)) certified.push(one)
    }
    for (const one of hostKeysOf(key, parsed.key.type, undefined)) plain.push(one)
  }
  // ssh2 takes keys that it has parsed itself, though its types do not say so.
  return { ok: true, hostKeys: [...certified, ...plain].map((key) => ({ key: key as unknown as Buffer })) }
}

/**
 * The host keys of a server of which the accepted algorithms are left; an RSA key signs with SHA-1 as well where that
 * is accepted. Empty where none is left.
 */
export function hostKeysFor(hostKeys: ServerConfig['hostKeys'], accepted: readonly string[]): ServerConfig['hostKeys'] {
  // Their types are names of algorithms, which ssh2's own types do not know.
  const keys = hostKeys.map((held) => (held as unknown as { readonly key: ParsedKey & { readonly type: string } }).key)
  const rsa = keys.find(({ type }: { readonly type: string }) => type === 'rsa-sha2-256')
  const sha1 =
    rsa === undefined
      ? []
      : [derivedKey(rsa, { type: SHA1, sign: (data) => signatureValue(rsa, SHA1, Buffer.from(data)) })]
  return [...keys, ...sha1]
    .filter(({ type }) => accepted.includes(type))
    .map((key) => ({ key: key as unknown as Buffer }))
}

function hostKeysOf(key: ParsedKey, keyType: VerifyingKeyType, certificate: Certificate | undefined): ParsedKey[] {
  const blob = certificate?.blob ?? key.getPublicSSH()
  return algorithmsOf(keyType, certificate).map(({ name, signature }) =>
    derivedKey(key, {
      type: name,
      getPublicSSH: () => blob,
      sign: (data) => signatureValue(key, signature, Buffer.from(data)),
    }),
  )
}

function algorithmsOf(keyType: VerifyingKeyType, certificate: Certificate | undefined): LoginMeans['algorithms'] {
  if (certificate === undefined) return signatureAlgorithmsOf(keyType).map((name) => ({ name, signature: name }))
  return CERTIFICATE_ALGORITHMS.filter(({ type }) => type === certificate.type)
}

/** The algorithms that a key may be offered by; SHA-1 for an RSA key where it is accepted, after all others. */
function acceptedOf(
  keyType: VerifyingKeyType,
  certificate: Certificate | undefined,
  accepted: readonly string[] | undefined,
): LoginMeans['algorithms'] {
  const usual = algorithmsOf(keyType, certificate)
  if (accepted === undefined) return usual
  const sha1: LoginMeans['algorithms'] =
    keyType === 'ssh-rsa' && certificate === undefined ? [{ name: SHA1, signature: SHA1 }] : []
  return [...usual, ...sha1].filter(({ name }) => accepted.includes(name))
}

/** What a derived key has of its own; `type` is the name of an algorithm. */
type OwnParts = Partial<Omit<ParsedKey, 'type'>> & { readonly type: string }

/** A key that inherits the mark by which ssh2 knows its own, under the name of an algorithm in place of its type. */
function derivedKey(base: ParsedKey, own: OwnParts): ParsedKey {
  return Object.assign(Object.create(base) as ParsedKey, own)
}

type Refused = { readonly ok: false; readonly failure: KeyPairFailure }

function mismatch(plainKey: Buffer, certificate: Certificate, role: Certificate['role']): Refused | undefined {
  if (!certificate.key.blob.equals(plainKey))
    return refused(
      'certificate-of-another-key',
      'the certificate does not belong to the private key',
      'use the -cert.pub file that was made from the .pub file of this key',
    )
  if (certificate.role !== role)
    return refused(
      'certificate-of-another-role',
      `it is a ${certificate.role} certificate`,
      role === 'host' ? 'sign host keys with `ssh-keygen -h`' : 'sign user keys without `ssh-keygen -h`',
    )
  return undefined
}

function refused(cause: KeyPairFailure['reason'], message: string, hint: string): Refused {
  return { ok: false, failure: { reason: cause, message, hint } }
}
