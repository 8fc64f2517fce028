/** Takes lines off bytes as they come, up to a length. */
export interface LineReader {
  /** @returns false where a line is longer than it may be, or was the last: nothing after it is read */
  readonly take: (bytes: Buffer) => boolean
}

/**
 * @param onLine gets each line without its end, and says whether more are wanted; an unfinished one at the end of the
 *   bytes is nobody's
 */
export function createLineReader(maxLength: number, onLine: (line: string) => boolean): LineReader {
  let parts: Buffer[] = []
  let length = 0
  let broken = false
  return {
    take: (bytes) => {
      let rest = bytes
      while (!broken && rest.length > 0) {
        const end = rest.indexOf(NEWLINE)
        const part = end === -1 ? rest : rest.subarray(0, end)
        length += part.length
        if (length > maxLength) {
          broken = true
          parts = []
          break
        }
        // Bytes that stay would keep all that came with them.
        parts.push(end === -1 ? Buffer.from(part) : part)
        if (end === -1) break
        const line = Buffer.concat(parts, length).toString('utf8')
        parts = []
        length = 0
        broken = !onLine(line)
        rest = rest.subarray(end + 1)
      }
      return !broken
    },
  }
}

const NEWLINE = 0x0a
