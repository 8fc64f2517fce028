import { createByteQueue } from './framing/byte-queue.js'
import { readChunkHeader } from './framing/chunk-header.js'
import { END_OF_MESSAGE, type Framing, type FramingError } from './framing/framing.js'

/** A piece of a message without its framing, in order, the end of a message, or the error that ends the channel. */
export type FramePart =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: FramingError }

/** Takes the framing off a byte stream as it comes: unlike a decoder it holds no message, so a message may be of any size. */
export interface FrameReader {
  readonly push: (bytes: Buffer) => void
  /** The next part, an error (again and again, once there was one), or undefined until more is pushed. */
  readonly next: () => FramePart | undefined
  /** Changes the framing of whatever was not handed out yet; between messages only. */
  readonly switchTo: (framing: Framing) => void
  readonly framing: () => Framing
  /** Whether all that was pushed was handed out, and it ended with the end of a message or was nothing. */
  readonly isEmpty: () => boolean
}

/** A reader of RFC 6242 framing; both peers start with `end-of-message`. */
export function createFrameReader(): FrameReader {
  const input = createByteQueue()
  let framing: Framing = 'end-of-message'
  let chunkLeft = 0
  let chunks = 0
  let failure: FramePart | undefined

  let inMessage = false

  const bytes = (count: number): FramePart => {
    inMessage = true
    return { kind: 'bytes', bytes: input.take(count) }
  }

  const nextByDelimiter = (): FramePart | undefined => {
    const end = input.indexOf(END_OF_MESSAGE, 0)
    if (end > 0) return bytes(end)
    if (end === 0) {
      input.skip(END_OF_MESSAGE.length)
      inMessage = false
      return { kind: 'end' }
    }
    // A delimiter may have begun in the last bytes.
    const certain = input.length() - END_OF_MESSAGE.length + 1
    return certain > 0 ? bytes(certain) : undefined
  }

  const nextByChunks = (): FramePart | undefined => {
    for (;;) {
      if (chunkLeft > 0) {
        if (input.length() === 0) return undefined
        const part = input.take(chunkLeft)
        chunkLeft -= part.length
        return { kind: 'bytes', bytes: part }
      }
      const header = readChunkHeader(input)
      if (header.kind === 'incomplete') return undefined
      if (header.kind === 'invalid') return fail(header.cause)
      if (header.kind === 'end') {
        if (chunks === 0) return fail('the end of chunks came before any chunk')
        input.skip(header.size)
        chunks = 0
        return { kind: 'end' }
      }
      input.skip(header.size)
      chunkLeft = header.length
      chunks += 1
    }
  }

  const fail = (cause: string): FramePart => {
    failure = {
      kind: 'error',
      error: { kind: 'invalid-chunk', cause, hint: 'RFC 6242 §4.2 requires the channel to be closed' },
    }
    input.skip(input.length())
    return failure
  }

  return {
    push: (pushed) => {
      if (failure === undefined && pushed.length > 0) input.append(pushed)
    },
    next: () => failure ?? (framing === 'chunked' ? nextByChunks() : nextByDelimiter()),
    switchTo: (next) => {
      framing = next
    },
    framing: () => framing,
    isEmpty: () => input.length() === 0 && chunkLeft === 0 && chunks === 0 && !inMessage,
  }
}
