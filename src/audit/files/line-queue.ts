/**
 * Lines that wait, as octets, each with its line feed. The text of a line can be forgotten at once: thousands of texts that wait are carried along by every
 * collection of garbage, and joining them takes a moment that whoever comes next waits for.
 */
export interface LineQueue {
  readonly push: (line: string) => void
  /** Octets that wait. */
  readonly octets: () => number
  readonly count: () => number
  /** The first whole lines of at most so many octets, at least one line. They stay as they are while more are pushed, until they are dropped. */
  readonly first: (max: number) => Buffer
  /** Drops the first octets, which are whole lines. */
  readonly drop: (octets: number) => void
}

/** Octets that are held for lines to come, though none waits. */
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
      // A unit of UTF-16 takes three octets at most.
      const most = 3 * line.length + 1
      if (end + most > memory.length) grow(most)
      end += memory.write(line, end)
      memory[end] = LINE_FEED
      end += 1
    },
    octets: () => end - start,
    count: () => countLines(memory.subarray(start, end)),
    first: (max) => firstLines(memory.subarray(start, end), max),
    drop: (octets) => {
      start += octets
      if (start < end) return
      start = 0
      end = 0
      if (memory.length > KEPT) memory = Buffer.alloc(0)
    },
  }
}

/** As many of the lines as fit into so many octets, at least one. */
export function firstLines(lines: Buffer, max: number): Buffer {
  const within = linesWithin(lines, max)
  return within.length > 0 ? within : lines.subarray(0, lines.indexOf(LINE_FEED) + 1)
}

/** As many of the lines as fit into so many octets. */
export function linesWithin(lines: Buffer, max: number): Buffer {
  return lines.length <= max ? lines : lines.subarray(0, max > 0 ? lines.lastIndexOf(LINE_FEED, max - 1) + 1 : 0)
}

function countLines(octets: Buffer): number {
  let count = 0
  for (let at = octets.indexOf(LINE_FEED); at !== -1; at = octets.indexOf(LINE_FEED, at + 1)) count += 1
  return count
}
