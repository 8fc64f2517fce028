import { type ChunkHeader, readChunkHeader } from './chunk-header.js'
import { END_OF_MESSAGE, type Framing, type FramingError } from './framing.js'
import { createMessageEdges, type ScannedMessage } from './message-edges.js'

export type { ScannedMessage } from './message-edges.js'

export interface MessageScannerOptions {
  /** Bytes of each message's beginning to hand out. */
  readonly headSize: number
  /** Bytes of its end beyond that; default none. */
  readonly tailSize?: number
  readonly framing?: Framing
  /** Told of each message as it ends. It may switch the framing for what follows in the same buffer, or pause. */
  readonly onMessage: (message: ScannedMessage) => void
  /** Told once, when bytes are no framing; nothing is told after it. */
  readonly onBroken?: (error: FramingError) => void
}

/**
 * Finds where messages end in one direction of a NETCONF channel without holding or copying them, however the bytes
 * were segmented. A message may be of any size: memory is bounded by `headSize` and `tailSize`.
 */
export interface MessageScanner {
  /** Looks at bytes and returns how many: all of them, unless `onMessage` called `pause`. */
  readonly push: (bytes: Buffer) => number
  /** From `onMessage`: leaves what follows that message to a later `push`. */
  readonly pause: () => void
  /** Changes the framing of what comes; between messages only, so from `onMessage` or at a boundary. */
  readonly switchTo: (framing: Framing) => void
  /** Changes how much of each message is handed out, from the next one on. */
  readonly keep: (headSize: number, tailSize?: number) => void
  readonly framing: () => Framing
  /** Whether what was pushed so far ended with a message, so that another may be inserted here. */
  readonly atBoundary: () => boolean
  readonly broken: () => boolean
}

const NOTHING = Buffer.alloc(0)

/** Room for a chunk header that straddles reads: two marks, ten digits, a line feed. */
const MAX_HEADER = 13

/** The longest run of line ends and blanks that still counts as lying between messages of `end-of-message` framing. */
const MAX_BLANKS = 16

/**
 * A scanner of RFC 6242 framing; both peers start with `end-of-message`. Longer than most, because both framings share
 * the state of what was carried over from one read to the next.
 */
export function createMessageScanner({
  headSize,
  tailSize = 0,
  framing: initial = 'end-of-message',
  onMessage,
  onBroken,
}: MessageScannerOptions): MessageScanner {
  const edges = createMessageEdges(END_OF_MESSAGE.length)
  edges.keep(headSize, tailSize)
  let framing = initial
  let broken = false
  let paused = false
  /** Under `end-of-message`: what of a delimiter stood at the end of what was seen. */
  let carried: Buffer = NOTHING
  /**
   * Under `chunked`: the header bytes of earlier reads, the bytes that the current chunk lacks, and how many chunks
   * there were.
   */
  const header = { before: Buffer.alloc(MAX_HEADER), length: 0, bytes: NOTHING as Buffer, from: 0 }
  let chunkLeft = 0
  let chunks = 0

  const headerInput = {
    at: (offset: number): number | undefined =>
      offset < header.length ? header.before[offset] : header.bytes[header.from + offset - header.length],
  }

  /** Scans up to the end of a message or of the bytes; returns where it stopped. */
  const seekDelimiter = (bytes: Buffer, start: number): number => {
    const end = endOfDelimiter(carried, bytes, start)
    if (end === -1) {
      edges.note(bytes, start, bytes.length)
      carried = beginningOfDelimiter(carried, bytes, start)
      return bytes.length
    }
    edges.note(bytes, start, end)
    carried = NOTHING
    onMessage(edges.take(END_OF_MESSAGE.length, end))
    return end
  }

  const nextHeader = (bytes: Buffer, start: number): ChunkHeader => {
    header.bytes = bytes
    header.from = start
    const found = readChunkHeader(headerInput)
    header.bytes = NOTHING
    return found
  }

  /** Walks chunks up to the end of a message or of the bytes; returns where it stopped. */
  const walkChunks = (bytes: Buffer, start: number): number => {
    let at = start
    while (at < bytes.length) {
      if (chunkLeft > 0) {
        const end = Math.min(bytes.length, at + chunkLeft)
        edges.note(bytes, at, end)
        chunkLeft -= end - at
        at = end
        continue
      }
      const found = nextHeader(bytes, at)
      if (found.kind === 'incomplete') {
        bytes.copy(header.before, header.length, at)
        header.length += bytes.length - at
        return bytes.length
      }
      if (found.kind === 'invalid') return giveUp(found.cause, bytes)
      if (found.kind === 'end' && chunks === 0) return giveUp('the end of chunks came before any chunk', bytes)
      at += found.size - header.length
      header.length = 0
      if (found.kind === 'chunk') {
        chunkLeft = found.length
        chunks += 1
      } else {
        chunks = 0
        onMessage(edges.take(0, at))
        return at
      }
    }
    return at
  }

  /** The common case: the bytes are one message, which nothing has to be kept for. */
  const isWholeMessage = (bytes: Buffer): boolean =>
    framing === 'end-of-message' &&
    edges.length() === 0 &&
    carried.length === 0 &&
    bytes.length > END_OF_MESSAGE.length &&
    bytes.indexOf(END_OF_MESSAGE) === bytes.length - END_OF_MESSAGE.length

  const giveUp = (cause: string, bytes: Buffer): number => {
    broken = true
    edges.take(0, 0)
    onBroken?.({ kind: 'invalid-chunk', cause, hint: 'RFC 6242 §4.2 requires the channel to be closed' })
    return bytes.length
  }

  const betweenDelimiters = (): boolean => {
    const length = edges.length()
    if (length > Math.min(MAX_BLANKS, edges.head.length())) return false
    for (let at = 0; at < length; at += 1) if (!isBlank(edges.head.at(at))) return false
    return true
  }

  return {
    push: (bytes) => {
      let at = 0
      paused = false
      if (isWholeMessage(bytes)) {
        onMessage(edges.whole(bytes, bytes.length - END_OF_MESSAGE.length))
        return bytes.length
      }
      while (at < bytes.length && !broken && !paused) {
        at = framing === 'chunked' ? walkChunks(bytes, at) : seekDelimiter(bytes, at)
      }
      return paused ? at : bytes.length
    },
    pause: () => {
      paused = true
    },
    switchTo: (next) => {
      framing = next
      carried = NOTHING
    },
    keep: (nextHeadSize, nextTailSize = 0) => edges.keep(nextHeadSize, nextTailSize),
    framing: () => framing,
    atBoundary: () =>
      !broken && (framing === 'chunked' ? chunks === 0 && chunkLeft === 0 && header.length === 0 : betweenDelimiters()),
    broken: () => broken,
  }
}

/** Where the first delimiter ends that begins in what was carried over or in the bytes from `start` on; -1 for none. */
function endOfDelimiter(carried: Buffer, bytes: Buffer, start: number): number {
  const { length } = END_OF_MESSAGE
  if (carried.length > 0) {
    const seam = Buffer.concat([carried, bytes.subarray(start, start + length - 1)])
    const at = seam.indexOf(END_OF_MESSAGE)
    if (at !== -1) return start + at + length - carried.length
  }
  const at = bytes.indexOf(END_OF_MESSAGE, start)
  return at === -1 ? -1 : at + length
}

/**
 * What of a delimiter stands at the end of what was carried over and the bytes from `start` on; nearly always nothing.
 */
function beginningOfDelimiter(carried: Buffer, bytes: Buffer, start: number): Buffer {
  const last = bytes[bytes.length - 1]
  if (last !== BRACKET && last !== GREATER) return NOTHING
  const longest = END_OF_MESSAGE.length - 1
  const end =
    bytes.length - start < longest ? Buffer.concat([carried, bytes.subarray(start)]) : bytes.subarray(-longest)
  for (let length = Math.min(longest, end.length); length > 0; length -= 1) {
    if (end.subarray(-length).equals(END_OF_MESSAGE.subarray(0, length))) return END_OF_MESSAGE.subarray(0, length)
  }
  return NOTHING
}

const BRACKET = 0x5d
const GREATER = 0x3e

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d
}
