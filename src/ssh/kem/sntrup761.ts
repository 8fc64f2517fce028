/**
 * The encapsulation of Streamlined NTRU Prime 761 (NTRU Prime round 3, §4), which OpenSSH 9.0 to 9.8 like best and no
 * library of repute for Node has. It is the half without key pairs, and with them without what is hard to get right:
 * whoever made the key pair learns the secret, and nobody else gets anything out of it twice.
 *
 * No step branches on the secret or looks something up by it, but JavaScript promises nothing about time. SSH hashes
 * X25519, which is OpenSSL's, into the same secret: what this lacks is lost of its own part alone.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Encapsulation } from './kem.js'

/** Coefficients of a polynomial, what they are counted by, and how many of the small ones are not zero. */
const P = 761
const Q = 4591
const WEIGHT = 286

/** Coefficients are from -HALF to HALF. */
const HALF = (Q - 1) / 2

/** Values of a coefficient once it is rounded to a multiple of three. */
const ROUNDED = (Q + 2) / 3

const PUBLIC_KEY_LENGTH = 1158
/** Of the rounded product, behind which the confirmation comes. */
const PRODUCT_LENGTH = 1007
const HASH_LENGTH = 32

/** Gives random bytes; tests have others. */
export type Random = (count: number) => Buffer

export const sntrup761: Encapsulation = {
  publicKeyLength: PUBLIC_KEY_LENGTH,
  ciphertextLength: PRODUCT_LENGTH + HASH_LENGTH,
  encapsulate: (publicKey) => encapsulate(publicKey),
}

export function encapsulate(publicKey: Buffer, random: Random = randomBytes): ReturnType<Encapsulation['encapsulate']> {
  const small = randomSmall(random)
  const product = times(decodeKey(publicKey), small)
  const values = Uint16Array.from(product, (value) => Math.round((value + HALF) * (1 / 3)))
  const hashedSmall = hash(3, encodeSmall(small))
  const confirmation = hash(2, hashedSmall, hash(4, publicKey))
  const ciphertext = Buffer.concat([encode(values, new Uint16Array(P).fill(ROUNDED)), confirmation])
  return { ciphertext, secret: hash(1, hashedSmall, ciphertext) }
}

/** SHA-512 of what a number keeps apart from other uses, the first half of it. */
function hash(use: number, ...parts: readonly Uint8Array[]): Buffer {
  const digest = createHash('sha512').update(Buffer.of(use))
  for (const part of parts) digest.update(part)
  return digest.digest().subarray(0, HASH_LENGTH)
}

/** A polynomial of so many coefficients -1 and 1, the others 0: random numbers, sorted, whose low bits say which. */
function randomSmall(random: Random): Int32Array {
  const bytes = random(4 * P)
  // Doubles, so that the comparison is of unsigned numbers.
  const numbers = Float64Array.from({ length: P }, (_, index) => {
    const number = bytes.readUInt32LE(4 * index)
    return (index < WEIGHT ? number & ~1 : (number & ~3) | 1) >>> 0
  })
  sort(numbers)
  return Int32Array.from(numbers, (number) => (number & 3) - 1)
}

/** By Batcher's merge exchange: which are compared does not depend on what they are (Knuth, 5.2.2 M). */
function sort(numbers: Float64Array): void {
  const top = 2 ** Math.ceil(Math.log2(numbers.length) - 1)
  for (let part = top; part > 0; part >>= 1) {
    let [step, rest, distance] = [top, 0, part]
    for (;;) {
      for (let at = 0; at + distance < numbers.length; at += 1) {
        if ((at & part) !== rest) continue
        const [low = 0, high = 0] = [numbers[at], numbers[at + distance]]
        numbers[at] = Math.min(low, high)
        numbers[at + distance] = Math.max(low, high)
      }
      if (step === part) break
      ;[distance, step, rest] = [step - part, step >> 1, part]
    }
  }
}

/** The product in the ring of polynomials modulo x^761 - x - 1 and Q. */
function times(one: Int32Array, other: Int32Array): Int32Array {
  const product = new Int32Array(2 * P - 1)
  for (let power = 0; power < product.length; power += 1) {
    let sum = 0
    const last = Math.min(power, P - 1)
    for (let i = Math.max(0, power - P + 1); i <= last; i += 1) sum += Math.imul(one[i] ?? 0, other[power - i] ?? 0)
    product[power] = sum
  }
  for (let i = 2 * P - 2; i >= P; i -= 1) {
    const value = product[i] ?? 0
    product[i - P] = (product[i - P] ?? 0) + value
    product[i - P + 1] = (product[i - P + 1] ?? 0) + value
  }
  // Without a division, whose time depends on what is divided.
  return product.subarray(0, P).map((value) => value - Q * Math.round(value * (1 / Q)))
}

function decodeKey(bytes: Buffer): Int32Array {
  return Int32Array.from(decode(bytes, new Uint16Array(P).fill(Q)), (value) => value - HALF)
}

/** Four to a byte. */
function encodeSmall(small: Int32Array): Buffer {
  const bytes = Buffer.alloc(Math.ceil(P / 4))
  small.forEach((value, index) => {
    bytes[index >> 2] = (bytes[index >> 2] ?? 0) + ((value + 1) << (2 * (index & 3)))
  })
  return bytes
}

/** Below this a pair's range is left for the next round; above, bytes are taken off it. */
const RANGE = 16_384

/**
 * Numbers of certain ranges as bytes, nearly as few as there can be: of each two one is made, whose low bytes are
 * written as long as its range is a large one, and so on with the half of them that is left (NTRU Prime §4.6).
 */
function encode(numbers: Uint16Array, ranges: Uint16Array): Buffer {
  const bytes: number[] = []
  let [values, limits]: readonly [readonly number[], readonly number[]] = [[...numbers], [...ranges]]
  while (limits.length > 1 || (limits[0] ?? 0) > 1) {
    const isLast = limits.length === 1
    const next: [value: number, limit: number][] = []
    for (let i = 0; i < limits.length; i += 2) {
      let [value = 0, limit = 0] = [values[i], limits[i]]
      if (i + 1 < limits.length) [value, limit] = [value + (values[i + 1] ?? 0) * limit, limit * (limits[i + 1] ?? 0)]
      for (; isLast ? limit > 1 : i + 1 < limits.length && limit >= RANGE; limit = (limit + 255) >>> 8) {
        bytes.push(value & 255)
        value >>>= 8
      }
      next.push([value, limit])
    }
    values = next.map(([value]) => value)
    limits = next.map(([, limit]) => limit)
  }
  return Buffer.from(bytes)
}

/** The way back. Every sequence of bytes that is long enough means something. */
function decode(bytes: Buffer, ranges: Uint16Array): Uint16Array {
  return Uint16Array.from(decodeFrom(bytes, [...ranges]))
}

function decodeFrom(bytes: Buffer, limits: readonly number[]): readonly number[] {
  if (limits.length === 1) return [((bytes[0] ?? 0) + 256 * (bytes[1] ?? 0)) % (limits[0] ?? 1)]
  let position = 0
  const low: number[] = []
  const units: number[] = []
  const next: number[] = []
  for (let i = 0; i < limits.length; i += 2) {
    let [limit = 0, unit, value] = [limits[i], 1, 0]
    if (i + 1 < limits.length) {
      limit *= limits[i + 1] ?? 0
      for (; limit >= RANGE; limit = (limit + 255) >>> 8) {
        value += (bytes[position] ?? 0) * unit
        unit *= 256
        position += 1
      }
    }
    low.push(value)
    units.push(unit)
    next.push(limit)
  }
  const high = decodeFrom(bytes.subarray(position), next)
  return limits.map((limit, i) => {
    const half = i >> 1
    if (i === limits.length - 1 && i % 2 === 0) return high[half] ?? 0
    const pair = (low[half] ?? 0) + (units[half] ?? 1) * (high[half] ?? 0)
    return i % 2 === 0 ? pair % limit : Math.floor(pair / (limits[i - 1] ?? 1)) % limit
  })
}
