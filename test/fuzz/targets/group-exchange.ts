import { createDiffieHellmanGroup } from 'node:crypto'
import { boundGroupExchange } from '../../../src/ssh/ssh2/group-exchange.js'
import type { KeyExchange } from '../../../src/ssh/ssh2/internals.js'
import { holds, type Target } from '../target.js'

/** What is called of an exchange with what a server has sent. */
interface Exchange extends Pick<KeyExchange, 'generateKeys' | 'computeSecret'> {
  readonly setDHParams: (prime: Buffer, generator: Buffer) => void
  readonly getDHParams: () => { readonly prime: Buffer; readonly generator: Buffer } | undefined
}

const GROUPS = ['modp14', 'modp15', 'modp16'].map((name) => createDiffieHellmanGroup(name).getPrime())

/** Bytes of a group of 4096 bits, with one that says that it is positive. */
const LONGEST = 513

/** The group that a server picks for the bridge, and its public value in that: three numbers, with their lengths. */
export const groupExchange: Target = {
  name: 'group-exchange',
  about: 'the group that an old device picks in key exchange (RFC 4419), and its public value',
  maxSize: 5 * 1024,
  words: [
    ...GROUPS.map((prime) => Buffer.concat([lengthOf(prime), prime])),
    '\0\x01\x02',
    '\0\x01\x05',
    '\0\0',
    '\x02\0',
  ],
  start: () => ({
    take: (input) => {
      const [prime, generator, theirs] = numbersIn(input)
      const exchange = { _prefBits: 8192 } as unknown as Exchange
      boundGroupExchange(exchange as unknown as KeyExchange)
      try {
        exchange.setDHParams(prime, generator)
      } catch (error) {
        holds(
          error instanceof Error && error.message.startsWith('its group is refused: '),
          `it throws ${String(error)}`,
        )
        return
      }
      const taken = exchange.getDHParams()?.prime
      holds(taken !== undefined && taken.length >= 256 && taken.length <= LONGEST, `a group of ${taken?.length} bytes`)
      try {
        exchange.generateKeys()
      } catch (error) {
        // OpenSSL makes no keys of some groups; the connection ends then.
        holds(error instanceof Error, 'it throws what is no error')
        return
      }
      const secret = exchange.computeSecret(theirs)
      holds(secret instanceof Error || secret.length <= LONGEST, 'the secret is longer than the group')
    },
  }),
}

function lengthOf(bytes: Buffer): Buffer {
  return Buffer.from([bytes.length >> 8, bytes.length & 0xff])
}

function numbersIn(input: Buffer): readonly [Buffer, Buffer, Buffer] {
  let rest = input
  const next = (): Buffer => {
    const length = rest.length < 2 ? 0 : rest.readUInt16BE()
    const number = rest.subarray(2, 2 + length)
    rest = rest.subarray(2 + length)
    return number
  }
  return [next(), next(), next()]
}
