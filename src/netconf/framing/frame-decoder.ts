import { createByteQueue } from './byte-queue.js'
import { readChunkHeader } from './chunk-header.js'
import { END_OF_MESSAGE, type Framing, type FramingError } from './framing.js'

/** A whole message without its framing, or the error that ends the channel. */
export type DecodedFrame =
  | { readonly kind: 'message'; readonly bytes: Buffer }
  | { readonly kind: 'error'; readonly error: FramingError }

/** Cuts a byte stream into NETCONF messages, however the stream was segmented. */
export interface FrameDecoder {
  /** Adds what was read; call `next` until it answers undefined before adding more, or the size bound means little. */
  readonly push: (bytes: Buffer) => void
  /** The next whole message, an error (again and again, once there was one), or undefined until more is pushed. */
  readonly next: () => DecodedFrame | undefined
  /** Changes the framing of whatever was not handed out yet: call it between the hello and the next `next`. */
  readonly switchTo: (framing: Framing) => void
  readonly framing: () => Framing
  /** Bytes held back because their message is not whole. */
  readonly buffered: () => number
}

/** 64 MiB: larger than any reply seen, small enough to survive. */
export const DEFAULT_MAX_MESSAGE_SIZE = 64 * 1024 * 1024

/**
 * A decoder of RFC 6242 framing; both peers start with `end-of-message`.
 * @param options.maxMessageSize bytes of one message without its framing
 */
export function createFrameDecoder(
  options: { readonly maxMessageSize?: number; readonly framing?: Framing } = {},
): FrameDecoder {
  const limit = options.maxMessageSize ?? DEFAULT_MAX_MESSAGE_SIZE
  const input = createByteQueue()
  const body = createByteQueue()
  let framing = options.framing ?? 'end-of-message'
  let searchedTo = 0
  let chunkLeft = 0
  let chunks = 0
  let failure: DecodedFrame | undefined

  const fail = (error: FramingError): DecodedFrame => {
    failure = { kind: 'error', error }
    input.skip(input.length())
    body.skip(body.length())
    return failure
  }

  const nextByDelimiter = (): DecodedFrame | undefined => {
    const end = input.indexOf(END_OF_MESSAGE, searchedTo)
    if (end === -1) {
      // A delimiter may have begun in the last bytes; everything before them need not be looked at again.
      searchedTo = Math.max(0, input.length() - END_OF_MESSAGE.length + 1)
      return searchedTo > limit ? fail(tooBig(limit)) : undefined
    }
    if (end > limit) return fail(tooBig(limit))
    searchedTo = 0
    const bytes = input.take(end)
    input.skip(END_OF_MESSAGE.length)
    return { kind: 'message', bytes }
  }

  const nextByChunks = (): DecodedFrame | undefined => {
    for (;;) {
      if (chunkLeft > 0) {
        if (input.length() === 0) return undefined
        const part = input.take(chunkLeft)
        chunkLeft -= part.length
        body.append(part)
        continue
      }
      const header = readChunkHeader(input)
      switch (header.kind) {
        case 'incomplete':
          return undefined
        case 'invalid':
          return fail(invalidChunk(header.cause))
        case 'chunk':
          if (body.length() + header.length > limit) return fail(tooBig(limit))
          input.skip(header.size)
          chunkLeft = header.length
          chunks += 1
          break
        case 'end':
          if (chunks === 0) return fail(invalidChunk('the end of chunks came before any chunk'))
          input.skip(header.size)
          chunks = 0
          return { kind: 'message', bytes: body.take(body.length()) }
      }
    }
  }

  return {
    push: (bytes) => {
      if (failure === undefined && bytes.length > 0) input.append(bytes)
    },
    next: () => failure ?? (framing === 'chunked' ? nextByChunks() : nextByDelimiter()),
    switchTo: (next) => {
      framing = next
      searchedTo = 0
    },
    framing: () => framing,
    buffered: () => input.length() + body.length(),
  }
}

function tooBig(limit: number): FramingError {
  return {
    kind: 'message-too-big',
    limit,
    cause: `a NETCONF message is larger than ${limit} bytes`,
    hint: 'raise the bound on message size, or ask for less with a filter',
  }
}

function invalidChunk(cause: string): FramingError {
  return { kind: 'invalid-chunk', cause, hint: 'RFC 6242 §4.2 requires the channel to be closed; the peer is at fault' }
}
