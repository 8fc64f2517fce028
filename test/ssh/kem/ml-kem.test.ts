import crypto, { createHash, createPrivateKey } from 'node:crypto'
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js'
import { describe, expect, it } from 'vitest'
import type { Kem } from '../../../src/ssh/kem/kem.js'
import { mlKem768 } from '../../../src/ssh/kem/ml-kem.js'
import { nativeMlKem768 } from '../../../src/ssh/kem/native-ml-kem.js'
import { nobleMlKem768 } from '../../../src/ssh/kem/noble-ml-kem.js'

const native = nativeMlKem768()
const kinds: readonly (readonly [string, Kem])[] = [
  ['the library', nobleMlKem768],
  ...(native === undefined ? [] : ([['Node', native]] as const)),
]
const pairs = kinds.flatMap(([one, a]) => kinds.map(([other, b]) => [one, other, a, b] as const))

/** 3329 and more is no coefficient (FIPS 203 §7.2); these twelve bits are 4095. */
const outOfModulus = (key: Uint8Array): Buffer => Buffer.concat([Buffer.from([0xff, 0xff]), key.subarray(2)])

it("Node's own ML-KEM is used where Node has it, and only there", () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const has = major > 24 || (major === 24 && minor >= 7)
  expect(native !== undefined).toBe(has)
  if (!has) expect(mlKem768).toBe(nobleMlKem768)
  else expect(mlKem768).not.toBe(nobleMlKem768)
})

describe.each(pairs)('a key pair of %s and a secret of %s', (_one, _other, one, other) => {
  it('give both the same secret, another one each time', () => {
    const secrets = Array.from({ length: 20 }, () => {
      const { publicKey, decapsulate } = one.generate()
      expect(publicKey).toHaveLength(1184)
      const { secret, ciphertext } = other.encapsulate(Buffer.from(publicKey))
      expect(ciphertext).toHaveLength(1088)
      expect(Buffer.from(decapsulate(Buffer.from(ciphertext)))).toEqual(Buffer.from(secret))
      return Buffer.from(secret).toString('hex')
    })
    expect(new Set(secrets).size).toBe(secrets.length)
  })

  it('give a secret of its own for a ciphertext that was changed', () => {
    const { publicKey, decapsulate } = one.generate()
    const { secret, ciphertext } = other.encapsulate(Buffer.from(publicKey))
    const changed = Buffer.from(ciphertext)
    changed[500] = (changed[500] ?? 0) ^ 1
    expect(Buffer.from(decapsulate(changed))).not.toEqual(Buffer.from(secret))
  })
})

describe.each(kinds)('%s', (_kind, kem) => {
  it.each([
    ['has a coefficient out of the modulus', (key: Uint8Array) => outOfModulus(key)],
    ['is all ones', () => Buffer.alloc(1184, 0xff)],
    ['is too short', (key: Uint8Array) => Buffer.from(key.subarray(1))],
    ['is too long', (key: Uint8Array) => Buffer.concat([key, Buffer.alloc(1)])],
    ['is nothing', () => Buffer.alloc(0)],
  ])('takes no public key that %s', (_what, spoil) => {
    expect(() => kem.encapsulate(spoil(kem.generate().publicKey))).toThrow('no public key of ML-KEM')
  })
})

/**
 * What comes of a hundred seeds, messages and random ciphertexts out of one SHAKE128, as C2SP's CCTV has it and Go's
 * crypto/mlkem tests it.
 */
const ACCUMULATED = '1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415'

/** Before the seed in a private key that is a seed alone (RFC 9935 §6). */
const SEED_HEAD = Buffer.from('3054020100300b060960864801650304040204428040', 'hex')

it('known answers come of known seeds', () => {
  const rounds = 100
  const [seedLength, messageLength, ciphertextLength] = [64, 32, 1088]
  const each = seedLength + messageLength + ciphertextLength
  const input = createHash('shake128', { outputLength: rounds * each }).digest()
  const output = createHash('shake128', { outputLength: 32 })
  for (let round = 0; round < rounds; round += 1) {
    const part = input.subarray(round * each, (round + 1) * each)
    const seed = part.subarray(0, seedLength)
    const { publicKey, secretKey } = ml_kem768.keygen(seed)
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(
      publicKey,
      part.subarray(seedLength, seedLength + messageLength),
    )
    const random = part.subarray(seedLength + messageLength)
    const implicit = ml_kem768.decapsulate(random, secretKey)
    output.update(publicKey).update(cipherText).update(sharedSecret).update(implicit)
    if (native === undefined) continue
    const key = createPrivateKey({ key: Buffer.concat([SEED_HEAD, seed]), format: 'der', type: 'pkcs8' })
    const { decapsulate } = crypto as unknown as { readonly decapsulate: (key: unknown, bytes: Uint8Array) => Buffer }
    expect(decapsulate(key, cipherText)).toEqual(Buffer.from(sharedSecret))
    expect(decapsulate(key, random)).toEqual(Buffer.from(implicit))
  }
  expect(output.digest('hex')).toBe(ACCUMULATED)
})
