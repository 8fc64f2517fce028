import { createByteQueue } from './byte-queue.js'
import { readChunkHeader } from './chunk-header.js'
import { END_OF_MESSAGE, type Framing, type FramingError } from './framing.js'

/** What comes next on a channel: bytes of the message under way, its end, or the error that ends the channel. */
export type FramePart =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: FramingError }

/**
 * Takes the framing off a byte stream as it comes (RFC 6242 §4). It holds back no more than what may be part of a
 * delimiter.
 */
export interface FramePartDecoder {
  readonly push: (bytes: Buffer) => void
  /** The next part, an error (again and again, once there was one), or undefined until more is pushed. */
  readonly next: () => FramePart | undefined
  /**
   * Changes the framing of whatever was not handed out yet: call it between the end of the hello and the next `next`.
   */
  readonly switchTo: (framing: Framing) => void
  readonly framing: () => Framing
  /** Bytes that were pushed and not handed out. */
  readonly buffered: () => number
  /** Bytes of the chunk under way that have not been handed out; 0 between chunks, and where the framing has none. */
  readonly leftInChunk: () => number
  /** Whether all that was pushed was handed out, and it ended with the end of a message or was nothing. */
  readonly isBetweenMessages: () => boolean
}

const END: FramePart = { kind: 'end' }

/** A decoder that hands out messages part by part; both peers start with `end-of-message`. */
export function createFramePartDecoder(initial: Framing = 'end-of-message'): FramePartDecoder {
  const input = createByteQueue()
  let framing = initial
  let chunkLeft = 0
  let chunks = 0
  let inMessage = false
  let failure: FramePart | undefined

  const bytes = (count: number): FramePart => {
    inMessage = true
    return { kind: 'bytes', bytes: input.take(count) }
  }

  const endOfMessage = (markSize: number): FramePart => {
    inMessage = false
    input.skip(markSize)
    return END
  }

  const nextByDelimiter = (): FramePart | undefined => {
    const end = input.indexOf(END_OF_MESSAGE, 0)
    if (end === 0) return endOfMessage(END_OF_MESSAGE.length)
    const sure = end === -1 ? input.length() - beginOfDelimiter(input) : end
    return sure === 0 ? undefined : bytes(sure)
  }

  const nextByChunks = (): FramePart | undefined => {
    for (;;) {
      if (chunkLeft > 0) {
        if (input.length() === 0) return undefined
        const count = Math.min(chunkLeft, input.length())
        chunkLeft -= count
        return bytes(count)
      }
      const header = readChunkHeader(input)
      switch (header.kind) {
        case 'incomplete':
          return undefined
        case 'invalid':
          return fail(header.cause)
        case 'chunk':
          input.skip(header.size)
          chunkLeft = header.length
          chunks += 1
          break
        case 'end':
          if (chunks === 0) return fail('the end of chunks came before any chunk')
          chunks = 0
          return endOfMessage(header.size)
      }
    }
  }

  const fail = (cause: string): FramePart => {
    const hint = 'RFC 6242 §4.2 requires the channel to be closed; the peer is at fault'
    failure = { kind: 'error', error: { kind: 'invalid-chunk', cause, hint } }
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
    buffered: () => input.length(),
    leftInChunk: () => chunkLeft,
    isBetweenMessages: () => input.length() === 0 && chunks === 0 && !inMessage,
  }
}

/** How many of the last bytes may be the beginning of a delimiter. */
function beginOfDelimiter(input: {
  readonly length: () => number
  readonly at: (offset: number) => number | undefined
}) {
  const length = input.length()
  for (let held = Math.min(END_OF_MESSAGE.length - 1, length); held > 0; held -= 1) {
    if (END_OF_MESSAGE.subarray(0, held).every((byte, index) => input.at(length - held + index) === byte)) return held
  }
  return 0
}
