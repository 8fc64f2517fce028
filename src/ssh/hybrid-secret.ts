/**
 * The hybrid key exchanges of SSH: an encapsulated secret and one of X25519 hashed together, so that whoever breaks one
 * of the two has nothing (draft-ietf-sshm-mlkem-hybrid-kex §2, draft-ietf-sshm-ntruprime-ssh §3).
 */
import { createHash, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { Encapsulation, Kem } from './kem/kem.js'

/** Bytes of a public key of X25519. */
const X25519_LENGTH = 32

/** Before the public key in its SubjectPublicKeyInfo. */
const X25519_HEAD = Buffer.from('302a300506032b656e032100', 'hex')

export type HybridHash = 'sha256' | 'sha512'

/** The client's half (`C_INIT`), and the secret that the server's half makes of it. */
export interface HybridOffer {
  readonly init: Buffer
  readonly secretWith: (reply: Buffer) => Buffer
}

/** Begins an exchange, as the client. */
export function offerHybrid(kem: Kem, hash: HybridHash): HybridOffer {
  const own = generateKeyPairSync('x25519')
  const encapsulated = kem.generate()
  return {
    init: Buffer.concat([encapsulated.publicKey, rawKey(own.publicKey)]),
    secretWith: (reply) => {
      const [ciphertext, theirs] = halves(reply, kem.ciphertextLength)
      const classical = x25519(own.privateKey, theirs)
      return hybridSecret(hash, encapsulated.decapsulate(ciphertext), classical)
    },
  }
}

/** The server's half (`S_REPLY`) for a client's, and the secret of both. */
export function answerHybrid(
  kem: Encapsulation,
  hash: HybridHash,
  init: Buffer,
): { readonly reply: Buffer; readonly secret: Buffer } {
  const [publicKey, theirs] = halves(init, kem.publicKeyLength)
  const own = generateKeyPairSync('x25519')
  // The cheaper one first: what is wrong with it is found out before the work of the other.
  const classical = x25519(own.privateKey, theirs)
  const { secret, ciphertext } = kem.encapsulate(publicKey)
  return {
    reply: Buffer.concat([ciphertext, rawKey(own.publicKey)]),
    secret: hybridSecret(hash, secret, classical),
  }
}

function halves(message: Buffer, kemLength: number): readonly [ofKem: Buffer, ofX25519: Buffer] {
  const wanted = kemLength + X25519_LENGTH
  if (message.length !== wanted) throw new Error(`it has ${message.length} bytes instead of ${wanted}`)
  return [message.subarray(0, kemLength), message.subarray(kemLength)]
}

/** OpenSSL refuses a point that makes the secret zero whatever the private key (RFC 8731 §3). */
function x25519(privateKey: KeyObject, theirs: Buffer): Buffer {
  const publicKey = createPublicKey({ key: Buffer.concat([X25519_HEAD, theirs]), format: 'der', type: 'spki' })
  try {
    return diffieHellman({ privateKey, publicKey })
  } catch (error) {
    throw new Error('its public key of X25519 is of low order', { cause: error })
  }
}

function rawKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(-X25519_LENGTH)
}

function hybridSecret(hash: HybridHash, encapsulated: Uint8Array, classical: Buffer): Buffer {
  const secret = createHash(hash).update(encapsulated).update(classical).digest()
  encapsulated.fill(0)
  classical.fill(0)
  return secret
}
