import { type ByteQueue, createByteQueue } from './byte-queue.js'

/** A message that has passed. Its buffers are views: copy what you keep. */
export interface ScannedMessage {
  /** Its size without framing. */
  readonly bytes: number
  /** Its first bytes without framing, at most `headSize`. */
  readonly head: Buffer
  /** Its last bytes that are not in `head`, at most `tailSize`. */
  readonly tail: Buffer
  /** Where it ended, framing included, in the buffer that was pushed: 1 to that buffer's length. */
  readonly end: number
}

/** How a message that passes by begins and ends: a bounded look at it, never the message itself. */
export interface MessageEdges {
  /** Notes that the bytes from `start` to `end` belong to the message. */
  readonly note: (bytes: Buffer, start: number, end: number) => void
  /** Bytes noted so far. */
  readonly length: () => number
  /** The bytes of the beginning that were noted so far. */
  readonly head: Pick<ByteQueue, 'length' | 'at'>
  /** Hands out the message, of which the last `trailing` bytes were no part, and begins anew. */
  readonly take: (trailing: number, end: number) => ScannedMessage
  /** Hands out a message that is the first so many of these bytes, where none is under way. */
  readonly whole: (bytes: Buffer, length: number) => ScannedMessage
  /** Bounds on the messages to come; the one under way keeps what was noted of its head. */
  readonly keep: (headSize: number, tailSize: number) => void
}

const NOTHING = Buffer.alloc(0)

/**
 * @param maxTrailing the most bytes that `take` may be told to leave out at the end
 */
export function createMessageEdges(maxTrailing: number): MessageEdges {
  const head = createByteQueue()
  let headSize = 0
  let tailSize = 0
  let length = 0
  let tail = NOTHING
  let tailLength = 0

  const noteTail = (bytes: Buffer, start: number, end: number): void => {
    const room = tailSize + maxTrailing
    if (tail.length < room) tail = Buffer.concat([tail], room)
    const from = Math.max(start, end - room)
    const added = end - from
    const kept = Math.min(tailLength, room - added)
    tail.copyWithin(0, tailLength - kept, tailLength)
    bytes.copy(tail, kept, from, end)
    tailLength = kept + added
  }

  return {
    note: (bytes, start, end) => {
      length += end - start
      const beyondHead = Math.min(end, start + Math.max(0, headSize - head.length()))
      if (beyondHead > start) head.append(bytes.subarray(start, beyondHead))
      if (end > beyondHead && tailSize > 0) noteTail(bytes, beyondHead, end)
    },
    length: () => length,
    head,
    take: (trailing, end) => {
      const bytes = length - trailing
      const begun = head.length() > bytes ? head.take(bytes) : head.take(head.length())
      head.skip(head.length())
      const beyond = tailLength - trailing
      const ended = beyond > 0 ? tail.subarray(Math.max(0, beyond - tailSize), beyond) : NOTHING
      const message: ScannedMessage = { bytes, head: begun, tail: ended, end }
      length = 0
      tail = NOTHING
      tailLength = 0
      return message
    },
    whole: (bytes, size) => {
      const beyond = Math.min(size, headSize)
      return {
        bytes: size,
        head: bytes.subarray(0, beyond),
        tail: beyond === size || tailSize === 0 ? NOTHING : bytes.subarray(Math.max(beyond, size - tailSize), size),
        end: bytes.length,
      }
    },
    keep: (nextHeadSize, nextTailSize) => {
      headSize = nextHeadSize
      tailSize = nextTailSize
    },
  }
}
