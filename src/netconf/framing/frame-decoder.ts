import { createByteQueue } from './byte-queue.js'
import { createFramePartDecoder } from './frame-parts.js'
import type { Framing, FramingError } from './framing.js'

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
  const body = createByteQueue()
  let parts = createFramePartDecoder(options.framing)
  let failure: DecodedFrame | undefined

  const fail = (error: FramingError): DecodedFrame => {
    failure = { kind: 'error', error }
    parts = createFramePartDecoder()
    body.skip(body.length())
    return failure
  }

  const nextMessage = (): DecodedFrame | undefined => {
    for (;;) {
      const part = parts.next()
      if (part?.kind === 'error') return fail(part.error)
      if (part?.kind === 'end') return { kind: 'message', bytes: body.take(body.length()) }
      if (part !== undefined) body.append(part.bytes)
      // A chunk tells its size before it comes.
      if (body.length() + parts.leftInChunk() > limit) return fail(tooBig(limit))
      if (part === undefined) return undefined
    }
  }

  return {
    push: (bytes) => {
      if (failure === undefined) parts.push(bytes)
    },
    next: () => failure ?? nextMessage(),
    switchTo: (framing) => parts.switchTo(framing),
    framing: () => parts.framing(),
    buffered: () => parts.buffered() + body.length(),
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
