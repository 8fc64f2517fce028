import { END_OF_CHUNKS, END_OF_MESSAGE, type Framing } from './framing.js'

/** 64 KiB: few headers, and no peer has to hold much at once. */
export const DEFAULT_CHUNK_SIZE = 64 * 1024

/**
 * One whole message with its framing (RFC 6242 §4). Under `end-of-message` the caller sees to it that the payload
 * does not hold `]]>]]>`, as `serialiseXml` does.
 * @param options.chunkSize bytes a chunk, for `chunked` only
 */
export function encodeFrame(
  framing: Framing,
  payload: Buffer | string,
  options: { readonly chunkSize?: number } = {},
): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  if (framing === 'end-of-message') return Buffer.concat([bytes, END_OF_MESSAGE])
  const chunkSize = options.chunkSize ?? DEFAULT_CHUNK_SIZE
  const parts: Buffer[] = []
  for (let start = 0; start < bytes.length; start += chunkSize) {
    for (const part of chunkParts(bytes.subarray(start, start + chunkSize))) parts.push(part)
  }
  parts.push(END_OF_CHUNKS)
  return Buffer.concat(parts)
}

/** A part of a message that is sent as it comes into being; finish with `endOfFrame`. */
export function encodePart(framing: Framing, part: Buffer): Buffer {
  // A chunk of no bytes cannot be written (RFC 6242 §4.2).
  if (framing === 'end-of-message' || part.length === 0) return part
  return Buffer.concat(chunkParts(part))
}

/** What ends a message whose parts were sent with `encodePart`. */
export function endOfFrame(framing: Framing): Buffer {
  return framing === 'chunked' ? END_OF_CHUNKS : END_OF_MESSAGE
}

function chunkParts(chunk: Buffer): readonly [Buffer, Buffer] {
  return [Buffer.from(`\n#${chunk.length}\n`), chunk]
}
