import type { ByteQueue } from './byte-queue.js'
import { MAX_CHUNK_LENGTH } from './framing.js'

/** What the bytes between two chunks say; `size` is how many bytes said it, `length` the bytes of the chunk to come. */
export type ChunkHeader =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'chunk'; readonly size: number; readonly length: number }
  | { readonly kind: 'end'; readonly size: number }
  | { readonly kind: 'invalid'; readonly cause: string }

const LF = 0x0a
const HASH = 0x23
const ZERO = 0x30
const NINE = 0x39
const MAX_DIGITS = 10

/** Reads `LF # length LF` or `LF # # LF` (RFC 6242 §4.2) at the head of the queue without taking it. */
export function readChunkHeader(input: Pick<ByteQueue, 'at'>): ChunkHeader {
  const first = input.at(0)
  if (first === undefined) return { kind: 'incomplete' }
  if (first !== LF) return invalid('a line feed', first)
  const second = input.at(1)
  if (second === undefined) return { kind: 'incomplete' }
  if (second !== HASH) return invalid('"#"', second)
  const third = input.at(2)
  if (third === undefined) return { kind: 'incomplete' }
  if (third === HASH) return readEnd(input)
  if (third === ZERO) return { kind: 'invalid', cause: 'a chunk length begins with zero' }

  let length = 0
  for (let digits = 0; ; digits += 1) {
    const byte = input.at(2 + digits)
    if (byte === undefined) return { kind: 'incomplete' }
    if (byte === LF && digits > 0) return { kind: 'chunk', size: 3 + digits, length }
    if (byte < ZERO || byte > NINE || digits === MAX_DIGITS) return invalid('a chunk length', byte)
    length = length * 10 + (byte - ZERO)
    if (length > MAX_CHUNK_LENGTH) return { kind: 'invalid', cause: `a chunk length is above ${MAX_CHUNK_LENGTH}` }
  }
}

function readEnd(input: Pick<ByteQueue, 'at'>): ChunkHeader {
  const last = input.at(3)
  if (last === undefined) return { kind: 'incomplete' }
  return last === LF ? { kind: 'end', size: 4 } : invalid('a line feed after "##"', last)
}

function invalid(expected: string, found: number): ChunkHeader {
  return { kind: 'invalid', cause: `byte 0x${found.toString(16).padStart(2, '0')} where ${expected} was expected` }
}
