import crypto, { type KeyObject } from 'node:crypto'
import { ML_KEM_768_SIZES } from './ml-kem-sizes.js'
import type { Kem } from './kem.js'

/** What Node has from 24.7 on; the types are those of the oldest that is supported. */
interface KemFunctions {
  readonly generateKeyPairSync: (type: 'ml-kem-768') => {
    readonly publicKey: KeyObject
    readonly privateKey: KeyObject
  }
  readonly encapsulate: (key: KeyObject) => { readonly sharedKey: Buffer; readonly ciphertext: Buffer }
  readonly decapsulate: (key: KeyObject, ciphertext: Buffer) => Buffer
}

/** Before the public key in its SubjectPublicKeyInfo. */
const PUBLIC_KEY_HEAD = Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex')

/** ML-KEM-768 of OpenSSL 3.5; undefined where Node or the OpenSSL that it was built with is older. */
export function nativeMlKem768(): Kem | undefined {
  const functions = crypto as unknown as KemFunctions
  if (!('encapsulate' in functions)) return undefined
  const kem = kemOf(functions)
  try {
    // Node has the function for other kinds of keys with an OpenSSL that does not know this one.
    kem.generate()
    return kem
  } catch {
    return undefined
  }
}

function kemOf({ generateKeyPairSync, encapsulate, decapsulate }: KemFunctions): Kem {
  return {
    ...ML_KEM_768_SIZES,
    generate: () => {
      const { publicKey, privateKey } = generateKeyPairSync('ml-kem-768')
      return {
        publicKey: publicKey.export({ format: 'der', type: 'spki' }).subarray(-ML_KEM_768_SIZES.publicKeyLength),
        decapsulate: (ciphertext) => decapsulate(privateKey, ciphertext),
      }
    },
    encapsulate: (publicKey) => {
      const { sharedKey, ciphertext } = encapsulate(publicKeyOf(publicKey))
      return { secret: sharedKey, ciphertext }
    },
  }
}

/** OpenSSL checks the key as it reads it (FIPS 203 §7.2). */
function publicKeyOf(bytes: Buffer): KeyObject {
  try {
    // What stands behind the end of the structure OpenSSL overlooks.
    if (bytes.length !== ML_KEM_768_SIZES.publicKeyLength) throw new Error(`it has ${bytes.length} bytes`)
    return crypto.createPublicKey({ key: Buffer.concat([PUBLIC_KEY_HEAD, bytes]), format: 'der', type: 'spki' })
  } catch (error) {
    throw new Error('it is no public key of ML-KEM', { cause: error })
  }
}
