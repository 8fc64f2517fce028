import { ml_kem768 } from '@noble/post-quantum/ml-kem.js'
import { ML_KEM_768_SIZES } from './ml-kem-sizes.js'
import type { Kem } from './kem.js'

/** ML-KEM-768 in JavaScript, ten times slower than OpenSSL's: half a millisecond a step. */
export const nobleMlKem768: Kem = {
  ...ML_KEM_768_SIZES,
  generate: () => {
    const { publicKey, secretKey } = ml_kem768.keygen()
    return {
      publicKey,
      decapsulate: (ciphertext) => {
        const secret = ml_kem768.decapsulate(ciphertext, secretKey)
        secretKey.fill(0)
        return secret
      },
    }
  },
  encapsulate: (publicKey) => {
    const { sharedSecret, cipherText } = encapsulated(publicKey)
    return { secret: sharedSecret, ciphertext: cipherText }
  },
}

/** The library checks the key first (FIPS 203 §7.2). */
function encapsulated(publicKey: Buffer): ReturnType<typeof ml_kem768.encapsulate> {
  try {
    return ml_kem768.encapsulate(publicKey)
  } catch (error) {
    throw new Error('it is no public key of ML-KEM', { cause: error })
  }
}
