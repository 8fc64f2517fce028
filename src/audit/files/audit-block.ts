import { createLineQueue } from './line-queue.js'
import { blockKeys } from './audit-keys.js'

/** Lines that came together, with what they are found by. */
export interface AuditBlock {
  /** In UTF-8, with line feeds between them. */
  readonly lines: Uint8Array<ArrayBuffer>
  readonly count: number
  /** When the first and the last of them came to be, in milliseconds since 1970. */
  readonly oldest: number
  readonly newest: number
  /** With how many lines a user has. */
  readonly keys: readonly (readonly [key: string, lines: number])[]
}

/** What a line tells of, for whoever has it at hand: looking for it in the text takes longer than all else. */
export interface LineSubject {
  /** ISO 8601 in UTC, to the millisecond; so the order of texts is that of times. */
  readonly time: string
  readonly deviceId?: string
  readonly user?: string
}

/** Gathers lines for a block. */
export interface BlockGatherer {
  readonly add: (line: string, subject: LineSubject) => void
  readonly count: () => number
  /** What was gathered, at least one line; gathers anew. Its bytes belong to nobody else. */
  readonly take: () => AuditBlock
}

export function createBlockGatherer(): BlockGatherer {
  const lines = createLineQueue()
  const devices = new Set<string>()
  const users = new Map<string, number>()
  let count = 0
  let oldest = ''
  let newest = ''

  return {
    add: (line, { time, deviceId, user }) => {
      lines.push(line)
      count += 1
      if (count === 1 || time < oldest) oldest = time
      if (count === 1 || time > newest) newest = time
      if (deviceId !== undefined) devices.add(deviceId)
      if (user !== undefined) users.set(user, (users.get(user) ?? 0) + 1)
    },
    count: () => count,
    take: () => {
      const bytes = lines.first(Number.POSITIVE_INFINITY)
      const block: AuditBlock = {
        lines: new Uint8Array(bytes.subarray(0, -1)),
        count,
        oldest: Date.parse(oldest),
        newest: Date.parse(newest),
        keys: blockKeys(devices, users),
      }
      lines.drop(bytes.length)
      devices.clear()
      users.clear()
      count = 0
      return block
    },
  }
}
