import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

/** A secret as it lies in the database, which more people read than data-dir. */
export interface Sealed {
  readonly bytes: Buffer
  /** Which key opens it. */
  readonly keyId: string
}

/** Seals with the first of some keys, and opens what any of them has sealed. */
export interface Sealer {
  /** Of the key that seals. */
  readonly keyId: string
  readonly keyIds: readonly string[]
  /** @param place where it will lie, such as `enrolment.secret router1`; it opens nowhere else */
  readonly seal: (text: string, place: string) => Sealed
  /** Throws where no key is the one, or where it is not as it was sealed, or lies elsewhere. */
  readonly open: (sealed: Sealed, place: string) => string
}

const ALGORITHM = 'aes-256-gcm'
/** Bytes. */
export const KEY_LENGTH = 32
const NONCE_LENGTH = 12
const TAG_LENGTH = 16
const KEY_ID_DIGITS = 16

/** A secret of the database that cannot be opened. */
export class SealError extends Error {}

/** @param keys of 32 bytes each, the newest first: older ones are there until nothing is sealed with them */
export function createSealer(keys: readonly Buffer[]): Sealer {
  const byId = new Map(keys.map((key) => [keyIdOf(key), key]))
  const [keyId, key] = [...byId][0] ?? []
  if (keyId === undefined || key === undefined) throw new TypeError('no key to seal with')
  return {
    keyId,
    keyIds: [...byId.keys()],
    seal: (text, place) => {
      const nonce = randomBytes(NONCE_LENGTH)
      const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(place))
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return { bytes: Buffer.concat([nonce, cipher.getAuthTag(), body]), keyId }
    },
    open: ({ bytes, keyId }, place) => {
      const key = byId.get(keyId)
      if (key === undefined) throw new SealError(`it is sealed with the key ${keyId}, which is not here`)
      const [nonce, tag] = [bytes.subarray(0, NONCE_LENGTH), bytes.subarray(NONCE_LENGTH, NONCE_LENGTH + TAG_LENGTH)]
      try {
        const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_LENGTH })
        decipher.setAAD(Buffer.from(place)).setAuthTag(tag)
        return decipher.update(bytes.subarray(NONCE_LENGTH + TAG_LENGTH), undefined, 'utf8') + decipher.final('utf8')
      } catch {
        throw new SealError('it is not as it was sealed')
      }
    },
  }
}

/** Says which key it is, and nothing of it. */
function keyIdOf(key: Buffer): string {
  if (key.length !== KEY_LENGTH) throw new TypeError(`a key to seal with has ${KEY_LENGTH} bytes`)
  return createHash('sha256').update('homeport secret-key\0').update(key).digest('hex').slice(0, KEY_ID_DIGITS)
}
