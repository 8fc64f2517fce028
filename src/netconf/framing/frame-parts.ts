import { createByteQueue } from './byte-queue.js'
import { readChunkHeader } from './chunk-header.js'
import { END_OF_MESSAGE, type Framing, type FramingError } from './framing.js'

/** What comes next on a channel: bytes of the message under way, its end, or the error that ends the channel. */
export type FramePart =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: FramingError }

/** Takes the framing off a byte stream as it comes (RFC 6242 §4). It holds back no more than what may be part of a delimiter. */
export interface FramePartDecoder {
  readonly push: (bytes: Buffer) => void
  /** The next part, an error (again and again, once there was one), or undefined until more is pushed. */
  readonly next: () => FramePart | undefined
  /** Changes the framing of whatever was not handed out yet: call it between the end of the hello and the next `next`. */
  readonly switchTo: (framing: Framing) => void
  readonly framing: () => Framing
}

const END: FramePart = { kind: 'end' }

/** A decoder that hands out messages part by part; both peers start with `end-of-message`. */
export function createFramePartDecoder(initial: Framing = 'end-of-message'): FramePartDecoder {
  const input = createByteQueue()
  let framing = initial
  let chunkLeft = 0
  let chunks = 0
  let failure: FramePart | undefined

  const nextByDelimiter = (): FramePart | undefined => {
    const end = input.indexOf(END_OF_MESSAGE, 0)
    if (end === 0) {
      input.skip(END_OF_MESSAGE.length)
      return END
    }
    const sure = end === -1 ? input.length() - beginOfDelimiter(input) : end
    return sure === 0 ? undefined : { kind: 'bytes', bytes: input.take(sure) }
  }

  const nextByChunks = (): FramePart | undefined => {
    for (;;) {
      if (chunkLeft > 0) {
        if (input.length() === 0) return undefined
        const bytes = input.take(chunkLeft)
        chunkLeft -= bytes.length
        return { kind: 'bytes', bytes }
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
          input.skip(header.size)
          chunks = 0
          return END
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
    push: (bytes) => {
      if (failure === undefined && bytes.length > 0) input.append(bytes)
    },
    next: () => failure ?? (framing === 'chunked' ? nextByChunks() : nextByDelimiter()),
    switchTo: (next) => {
      framing = next
    },
    framing: () => framing,
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
