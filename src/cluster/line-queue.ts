import type { Writable } from 'node:stream'
import { MAX_LINE_LENGTH, MAX_WAITING_LINES } from './peer-messages.js'

/** Lines on their way to a peer. They are said in order as it takes them, and never more than so many wait. */
export interface LineQueue {
  /**
   * Never waits. Where too many lines wait already, all of them and this one are dropped, and the beginning is said
   * anew once the peer takes something.
   */
  readonly say: (line: string) => void
  readonly waiting: () => number
}

export interface LineQueueOptions {
  /** What is said first, and again after lines were dropped. */
  readonly beginning: () => readonly string[]
  /** Told when lines were dropped. */
  readonly onDropped: (lines: number) => void
  readonly maxLines?: number
  /** Bytes that wait at most: lines may be long. */
  readonly maxBytes?: number
}

const MAX_WAITING_BYTES = 32 * 1024 * 1024

/** @param stream honours back-pressure: `write` says whether there is room, and `drain` that there is again */
export function createLineQueue(stream: Writable, options: LineQueueOptions): LineQueue {
  const { beginning, onDropped, maxLines = MAX_WAITING_LINES, maxBytes = MAX_WAITING_BYTES } = options
  let lines: string[] = []
  /** How many of `lines` were said. */
  let said = 0
  let bytes = 0
  let mustBegin = true
  let hasRoom = true

  const write = (line: string): void => {
    hasRoom = stream.write(`${line}\n`)
  }
  const pump = (): void => {
    while (hasRoom && stream.writable && (mustBegin || said < lines.length)) {
      if (mustBegin) {
        mustBegin = false
        // Made as a whole, for what follows tells of changes after it: it is bounded by what this node holds.
        for (const line of beginning()) write(line)
        continue
      }
      const line = lines[said] ?? ''
      said += 1
      bytes -= line.length
      write(line)
    }
    if (said === lines.length) {
      lines = []
      said = 0
    }
  }
  stream.on('drain', () => {
    hasRoom = true
    pump()
  })
  pump()
  return {
    say: (line) => {
      // A line that nobody would read tells nothing.
      if (!stream.writable || Buffer.byteLength(line) > MAX_LINE_LENGTH) return
      if (lines.length - said >= maxLines || bytes + line.length > maxBytes) {
        onDropped(lines.length - said + 1)
        lines = []
        said = 0
        bytes = 0
        mustBegin = true
        return pump()
      }
      lines.push(line)
      bytes += line.length
      pump()
    },
    waiting: () => lines.length - said,
  }
}
