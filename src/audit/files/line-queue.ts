/**
 * Lines that wait, as bytes, each with its line feed. The text of a line can be forgotten at once: thousands of texts
 * that wait are carried along by every collection of garbage, and joining them takes a moment that whoever comes next
 * waits for.
 */
export interface LineQueue {
  readonly push: (line: string) => void
  /** Bytes that wait. */
  readonly bytes: () => number
  readonly count: () => number
  /**
   * The first whole lines of at most so many bytes, at least one line. They stay as they are while more are pushed,
   * until they are dropped.
   */
  readonly first: (max: number) => Buffer
  /** Drops the first bytes, which are whole lines. */
  readonly drop: (bytes: number) => void
}

/** Bytes that are held for lines to come, though none waits. */
const KEPT = 1024 * 1024
const SMALLEST = 16 * 1024

export const LINE_FEED = 0x0a

export function createLineQueue(): LineQueue {
  let memory = Buffer.alloc(0)
  let start = 0
  let end = 0

  /** Makes room behind what waits. What was handed out stays where it is. */
  const grow = (wanted: number): void => {
    const larger = Buffer.allocUnsafeSlow(Math.max(SMALLEST, 2 * (end - start), end - start + wanted))
    memory.copy(larger, 0, start, end)
    memory = larger
    end -= start
    start = 0
  }

  return {
    push: (line) => {
      // A unit of UTF-16 takes three bytes at most.
      const most = 3 * line.length + 1
      if (end + most > memory.length) grow(most)
      end += memory.write(line, end)
      memory[end] = LINE_FEED
      end += 1
    },
    bytes: () => end - start,
    count: () => countLines(memory.subarray(start, end)),
    first: (max) => firstLines(memory.subarray(start, end), max),
    drop: (bytes) => {
      start += bytes
      if (start < end) return
      start = 0
      end = 0
      if (memory.length > KEPT) memory = Buffer.alloc(0)
    },
  }
}

/** As many of the lines as fit into so many bytes, at least one. */
export function firstLines(lines: Buffer, max: number): Buffer {
  const within = linesWithin(lines, max)
  return within.length > 0 ? within : lines.subarray(0, lines.indexOf(LINE_FEED) + 1)
}

/** As many of the lines as fit into so many bytes. */
export function linesWithin(lines: Buffer, max: number): Buffer {
  return lines.length <= max ? lines : lines.subarray(0, max > 0 ? lines.lastIndexOf(LINE_FEED, max - 1) + 1 : 0)
}

function countLines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, at + 1)) count += 1
  return count
}
