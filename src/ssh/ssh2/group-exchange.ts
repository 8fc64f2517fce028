/**
 * Group exchange (RFC 4419) of a client, in which the server picks the prime. ssh2 has OpenSSL check that prime, which
 * takes seconds for 4096 bits and most of a minute for 8192, and takes groups of any size up to that. Here groups have
 * 2048 to 4096 bits (RFC 8270 §2) and are not checked for being prime, as in OpenSSH: who picks a bad one also signs
 * it with the host key, and harms nobody else. Both steps together cost about 20 ms at 4096 bits.
 */
import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { KeyExchange } from './internals.js'
import { isOutOfRange } from './public-value.js'

/** Bits of a group. */
const SMALLEST = 2048
const PREFERRED = 3072
const LARGEST = 4096

/** Generators are 2 or 5, and never need more bytes than this. */
const LONGEST_GENERATOR = 2

/** Node's types do not know that it makes keys of these, too. */
const generatePair = generateKeyPairSync as unknown as (
  type: 'dh',
  group: { readonly prime: Buffer; readonly generator: number },
) => { readonly privateKey: KeyObject; readonly publicKey: KeyObject }

interface Group {
  readonly prime: Buffer
  readonly generator: Buffer
  pair?: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }
}

/** The parts of ssh2's exchange that deal with a group. */
interface GroupExchange extends KeyExchange {
  _minBits: number
  _prefBits: number
  _maxBits: number
  _public: Buffer | null
  setDHParams: (prime: Buffer, generator: Buffer) => void
  getDHParams: () => { readonly prime: Buffer; readonly generator: Buffer } | undefined
}

/** Bounds a group exchange that has just been made. What it keeps is in `_keys`, which `forgetKeyExchange` lets go. */
export function boundGroupExchange(made: KeyExchange): void {
  const exchange = made as GroupExchange
  exchange._minBits = SMALLEST
  exchange._prefBits = Math.min(exchange._prefBits, PREFERRED)
  exchange._maxBits = LARGEST
  const group = (): Group => {
    if (exchange._keys === undefined || exchange._keys === null) throw new Error('no group was agreed on')
    return exchange._keys as Group
  }
  exchange.setDHParams = (prime, generator) => {
    const fault = faultOfGroup(prime, generator)
    if (fault !== undefined) throw Object.assign(new Error(`its group is refused: ${fault}`), { level: 'handshake' })
    exchange._keys = { prime: magnitudeOf(prime), generator: magnitudeOf(generator) } satisfies Group
  }
  exchange.getDHParams = () => ({ prime: mpint(group().prime), generator: mpint(group().generator) })
  exchange.generateKeys = () => {
    const agreed = group()
    if (agreed.pair !== undefined) return
    const { prime, generator } = agreed
    agreed.pair = generatePair('dh', { prime, generator: generator.readUIntBE(0, generator.length) })
    exchange._public = integerIn(agreed.pair.publicKey)
  }
  exchange.computeSecret = (theirs) => {
    try {
      exchange.generateKeys()
      const { prime, pair } = group()
      if (pair === undefined || isOutOfRange(theirs, prime)) return new Error('the public value is out of range')
      const publicKey = withInteger(pair.publicKey, mpint(theirs))
      return mpint(diffieHellman({ privateKey: pair.privateKey, publicKey }))
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }
}

/** What speaks against a group, as the server has sent it. */
function faultOfGroup(prime: Buffer, generator: Buffer): string | undefined {
  const p = magnitudeOf(prime)
  const g = magnitudeOf(generator)
  if (isNegative(prime) || isNegative(generator)) return 'its numbers are negative'
  const bits = p.length === 0 ? 0 : p.length * 8 - (Math.clz32(p[0] ?? 0) - 24)
  if (bits < SMALLEST || bits > LARGEST) return `it has ${bits} bits, and ${SMALLEST} to ${LARGEST} are taken`
  if (((p.at(-1) ?? 0) & 1) === 0) return 'its prime is even'
  if (g.length === 0 || (g.length === 1 && (g[0] ?? 0) < 2)) return 'its generator is less than 2'
  return g.length > LONGEST_GENERATOR ? `its generator has more than ${LONGEST_GENERATOR} octets` : undefined
}

function isNegative(integer: Buffer): boolean {
  return (integer[0] ?? 0) >= 0x80
}

function magnitudeOf(integer: Buffer): Buffer {
  const first = integer.findIndex((byte) => byte !== 0)
  return first === -1 ? Buffer.alloc(0) : integer.subarray(first)
}

/** The value of an mpint, and of an INTEGER of ASN.1, without its length. */
function mpint(integer: Buffer): Buffer {
  const magnitude = magnitudeOf(integer)
  return magnitude.length === 0 || isNegative(magnitude) ? Buffer.concat([Buffer.from([0]), magnitude]) : magnitude
}

/**
 * The parts of `SubjectPublicKeyInfo` (RFC 3279 §2.3.3): `SEQUENCE { algorithm, BIT STRING { no unused bits, INTEGER }
 * }`.
 */
function partsOf(key: KeyObject): { readonly algorithm: Buffer; readonly integer: Buffer } {
  const der = key.export({ type: 'spki', format: 'der' })
  const outer = contentAt(der, 0)
  const algorithm = contentAt(der, outer.start)
  const bits = contentAt(der, algorithm.end)
  const integer = contentAt(der, bits.start + 1)
  return { algorithm: der.subarray(outer.start, algorithm.end), integer: der.subarray(integer.start, integer.end) }
}

function integerIn(key: KeyObject): Buffer {
  return partsOf(key).integer
}

/** The public key of the same group with another value. */
function withInteger(key: KeyObject, integer: Buffer): KeyObject {
  const bits = element(BIT_STRING, Buffer.from([0]), element(INTEGER, integer))
  const der = element(SEQUENCE, partsOf(key).algorithm, bits)
  return createPublicKey({ key: der, type: 'spki', format: 'der' })
}

/** Tags of DER (X.690 §8). */
const INTEGER = 0x02
const BIT_STRING = 0x03
const SEQUENCE = 0x30

function contentAt(der: Buffer, at: number): { readonly start: number; readonly end: number } {
  const first = der[at + 1] ?? 0
  const more = first < 0x80 ? 0 : first & 0x7f
  const length = more === 0 ? first : der.readUIntBE(at + 2, more)
  const start = at + 2 + more
  return { start, end: start + length }
}

function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const lengthBytes = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...lengthBytes]), content])
}
