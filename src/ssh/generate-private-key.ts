import { createPrivateKey, generateKeyPair, generateKeyPairSync, type JsonWebKey, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { sshMpint, sshString } from './wire.js'

/** The blocks of the unencrypted format are padded to this size (OpenSSH PROTOCOL.key). */
const BLOCK_SIZE = 8

/** What ssh-keygen makes when nobody asks for another size. */
const RSA_BITS = 3072

export type GeneratedKeyType = 'ed25519' | 'ecdsa' | 'rsa'

/**
 * Makes a private key in OpenSSH text form, as `ssh-keygen -t ed25519`, `-t ecdsa -b 256` or `-t rsa` does without a
 * passphrase. Written here because one in about two hundred Ed25519 keys of ssh2's own generator can be read by nobody.
 */
export function generatePrivateKey(type: GeneratedKeyType, comment: string): string {
  return textOf(fieldsOf[type](), comment)
}

/** The same, where an RSA key is made in a thread, because it takes up to a second. */
export async function generatePrivateKeyAside(type: GeneratedKeyType, comment: string): Promise<string> {
  if (type !== 'rsa') return generatePrivateKey(type, comment)
  const { privateKey } = await promisify(generateKeyPair)('rsa', RSA_PARAMETERS)
  return textOf(rsaFieldsIn(privateKey), comment)
}

function textOf({ type: keyType, publicFields, privateFields }: KeyFields, comment: string): string {
  const check = randomBytes(4)
  const secret = Buffer.concat([check, check, sshString(keyType), ...privateFields, sshString(comment)])
  const padding = Buffer.from(
    Array.from({ length: (BLOCK_SIZE - (secret.length % BLOCK_SIZE)) % BLOCK_SIZE }, (_, i) => i + 1),
  )
  const body = Buffer.concat([
    Buffer.from('openssh-key-v1\0', 'latin1'),
    sshString('none'),
    sshString('none'),
    sshString(''),
    Buffer.from([0, 0, 0, 1]),
    sshString(Buffer.concat([sshString(keyType), ...publicFields])),
    sshString(Buffer.concat([secret, padding])),
  ])
  const lines = body.toString('base64').match(/.{1,70}/g) ?? []
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n')
}

interface KeyFields {
  readonly type: string
  readonly publicFields: readonly Buffer[]
  readonly privateFields: readonly Buffer[]
}

const fieldsOf: Readonly<Record<GeneratedKeyType, () => KeyFields>> = {
  ed25519: ed25519Fields,
  ecdsa: ecdsaFields,
  rsa: rsaFields,
}

const SPKI = { type: 'spki', format: 'der' } as const
const PKCS8 = { type: 'pkcs8', format: 'der' } as const

/**
 * The numbers of an ECDSA or RSA key that was just generated. They are read from a key object of its own: Node's
 * generator shares a lock with the key object that it answers, and takes it once more when it is collected as garbage.
 * Where that happens while the object is exported, the thread waits for itself for ever.
 */
function numbersIn(pkcs8: Buffer): JsonWebKey {
  return createPrivateKey({ key: pkcs8, type: 'pkcs8', format: 'der' }).export({ format: 'jwk' })
}

function ed25519Fields(): KeyFields {
  const generated = generateKeyPairSync('ed25519', { publicKeyEncoding: SPKI, privateKeyEncoding: PKCS8 })
  // Both encodings end with the 32 bytes of the key itself (RFC 8410, sections 4 and 7).
  const publicKey = generated.publicKey.subarray(-32)
  return {
    type: 'ssh-ed25519',
    publicFields: [sshString(publicKey)],
    privateFields: [sshString(publicKey), sshString(Buffer.concat([generated.privateKey.subarray(-32), publicKey]))],
  }
}

function ecdsaFields(): KeyFields {
  const jwk = numbersIn(
    generateKeyPairSync('ec', { namedCurve: 'P-256', publicKeyEncoding: SPKI, privateKeyEncoding: PKCS8 }).privateKey,
  )
  const publicFields = [sshString('nistp256'), sshString(Buffer.concat([Buffer.from([4]), bytes(jwk.x), bytes(jwk.y)]))]
  return { type: 'ecdsa-sha2-nistp256', publicFields, privateFields: [...publicFields, sshMpint(bytes(jwk.d))] }
}

const RSA_PARAMETERS = { modulusLength: RSA_BITS, publicKeyEncoding: SPKI, privateKeyEncoding: PKCS8 } as const

function rsaFields(): KeyFields {
  return rsaFieldsIn(generateKeyPairSync('rsa', RSA_PARAMETERS).privateKey)
}

function rsaFieldsIn(pkcs8: Buffer): KeyFields {
  const { n, e, d, qi, p, q } = numbersIn(pkcs8)
  const numbers = (...values: readonly (string | undefined)[]): Buffer[] =>
    values.map((value) => sshMpint(bytes(value)))
  // The public half begins with the exponent, the private half with the modulus.
  return { type: 'ssh-rsa', publicFields: numbers(e, n), privateFields: numbers(n, e, d, qi, p, q) }
}

function bytes(base64url: string | undefined): Buffer {
  return Buffer.from(base64url ?? '', 'base64url')
}
