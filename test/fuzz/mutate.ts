import type { Random } from './random.js'

/** What a mutation may use besides the input. */
export interface Material {
  /** Other inputs, to take parts of. */
  readonly corpus: readonly Buffer[]
  /** Words of the format. */
  readonly words: readonly Buffer[]
  /** Bytes of the result at most. */
  readonly maxSize: number
}

type Mutation = (input: Buffer, random: Random, material: Material) => Buffer

/** Bytes and numbers at which code tends to change its mind. */
const EDGES = [0, 1, 2, 7, 8, 9, 10, 13, 31, 32, 34, 38, 60, 62, 63, 64, 92, 93, 127, 128, 191, 192, 254, 255]
const LENGTHS = [0, 1, 4, 255, 256, 4095, 4096, 32768, 35000, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff]
const DECIMALS = [
  '0',
  '00',
  '1',
  '-1',
  '255',
  '256',
  '65535',
  '65536',
  '4294967295',
  '4294967296',
  '1e9',
  '99999999999',
]

const mutations: readonly Mutation[] = [
  // A bit, an byte, a run of bytes.
  (input, random) =>
    changed(input, (bytes, at) => bytes.writeUInt8((bytes[at] ?? 0) ^ (1 << random.below(8)), at), random),
  (input, random) => changed(input, (bytes, at) => bytes.writeUInt8(random.pick(EDGES), at), random),
  (input, random) => spliced(input, random.below(input.length + 1), 0, random.bytes(1 + random.below(8))),
  (input, random) => cut(input, random, 1 + random.below(4)),
  (input, random) => cut(input, random, 1 + random.below(Math.max(1, input.length >> 1))),
  (input, random) => input.subarray(0, random.below(input.length + 1)),
  // A part once more, moved, or many times.
  (input, random) => {
    const part = partOf(input, random)
    return spliced(input, random.below(input.length + 1), 0, part)
  },
  (input, random, { maxSize }) => {
    const part = partOf(input, random)
    const times = Math.min(1 + random.below(2000), Math.ceil(maxSize / Math.max(1, part.length)))
    return spliced(input, random.below(input.length + 1), 0, Buffer.concat(Array.from({ length: times }, () => part)))
  },
  // Words of the format, and parts of other inputs.
  (input, random, { words }) => word(input, random, words, 0),
  (input, random, { words }) => word(input, random, words, 1 + random.below(8)),
  (input, random, { words, maxSize }) => {
    if (words.length === 0) return input
    const one = random.pick(words)
    const times = Math.min(1 + random.below(3000), Math.ceil(maxSize / Math.max(1, one.length)))
    return spliced(input, random.below(input.length + 1), 0, Buffer.concat(Array.from({ length: times }, () => one)))
  },
  (input, random, { corpus }) => {
    const other = random.pick(corpus)
    return spliced(input, random.below(input.length + 1), random.below(8), partOf(other, random))
  },
  (input, random, { corpus }) => {
    const other = random.pick(corpus)
    return Buffer.concat([
      input.subarray(0, random.below(input.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ])
  },
  // A length field, a number in decimal.
  (input, random) => {
    if (input.length < 4) return input
    const bytes = Buffer.from(input)
    bytes.writeUInt32BE(random.pick(LENGTHS), random.below(bytes.length - 3))
    return bytes
  },
  (input, random) => {
    const numbers = [...input.toString('latin1').matchAll(/\d+/g)]
    if (numbers.length === 0) return input
    const { index, 0: digits } = random.pick(numbers)
    return spliced(input, index, digits.length, Buffer.from(random.pick(DECIMALS)))
  },
]

/** An input that is like this one, and not quite. */
export function mutate(input: Buffer, random: Random, material: Material): Buffer {
  let result = input
  for (let rounds = 1 + random.below(5); rounds > 0; rounds -= 1)
    result = random.pick(mutations)(result, random, material)
  return result.subarray(0, material.maxSize)
}

function changed(input: Buffer, change: (bytes: Buffer, at: number) => void, random: Random): Buffer {
  if (input.length === 0) return input
  const bytes = Buffer.from(input)
  change(bytes, random.below(bytes.length))
  return bytes
}

function spliced(input: Buffer, at: number, without: number, more: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, at), more, input.subarray(at + without)])
}

function cut(input: Buffer, random: Random, count: number): Buffer {
  return spliced(input, random.below(input.length + 1), count, Buffer.alloc(0))
}

function partOf(input: Buffer, random: Random): Buffer {
  const at = random.below(input.length + 1)
  return input.subarray(at, at + 1 + random.below(64))
}

function word(input: Buffer, random: Random, words: readonly Buffer[], without: number): Buffer {
  return words.length === 0 ? input : spliced(input, random.below(input.length + 1), without, random.pick(words))
}
