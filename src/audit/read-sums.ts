import type { ReadSum, RpcEntry } from './audit-event.js'

/**
 * Counts the reads of users that have had their share of lines, so that one user's polling does not rotate away what
 * others did. Only what reads is summed: edits, commits, sessions, and whatever was denied have a line each, always.
 */
export interface ReadSums {
  /**
   * Whether an RPC is in a sum now, and so gets no line of its own.
   * @param at milliseconds of a clock that never goes back
   */
  readonly add: (entry: RpcEntry, at: number) => boolean
  /** Tells of all sums, and begins anew. */
  readonly flush: () => void
}

export interface ReadSumsOptions {
  /** Reads of a user within an hour that have a line each; asked anew each time. */
  readonly maxLines: () => number
  /** @param since when the first of them ended, by the same clock */
  readonly tell: (sum: ReadSum, since: number) => void
  /** Told of a user whose reads are summed from now on, to the end of the hour. */
  readonly onUser: (user: string) => void
}

/** Milliseconds in which a user has so many lines. */
const WINDOW = 3_600_000
/** Milliseconds until a sum is told. */
const INTERVAL = 60_000
/** Lines that the sums of a user may take each time, by device and session, and as many again by operation alone. */
const MAX_SUMS = 100
/** What stands for the operation and the outcome where a user had more of them than there may be sums. */
const SEVERAL = 'several'

type Group = Omit<ReadSum, 'rpcs' | 'bytesFromClient' | 'bytesFromDevice'>

interface Sum {
  readonly group: Group
  readonly since: number
  rpcs: number
  bytesFromClient: number
  bytesFromDevice: number
}

export function createReadSums({ maxLines, tell, onUser }: ReadSumsOptions): ReadSums {
  /** How many reads of a user had a line. */
  const lines = new Map<string, number>()
  const summed = new Set<string>()
  /** By user, the exact sums first. */
  const sums = new Map<string, readonly Map<string, Sum>[]>()
  let began = Number.NEGATIVE_INFINITY
  let timer: NodeJS.Timeout | undefined

  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    const told = [...sums.values()].flat()
    sums.clear()
    for (const level of told)
      for (const { group, since, ...counts } of level.values()) tell({ ...group, ...counts }, since)
  }
  const sumFor = (entry: RpcEntry, since: number): Sum => {
    let levels = sums.get(entry.user)
    if (levels === undefined) {
      levels = [new Map(), new Map(), new Map()]
      sums.set(entry.user, levels)
    }
    for (const [at, level] of levels.entries()) {
      const key = keyOf(entry, at)
      const found = level.get(key)
      if (found !== undefined) return found
      if (level.size >= MAX_SUMS) continue
      const sum: Sum = { group: groupOf(entry, at), since, rpcs: 0, bytesFromClient: 0, bytesFromDevice: 0 }
      level.set(key, sum)
      return sum
    }
    throw new Error('the last sum takes everything')
  }

  return {
    add: (entry, at) => {
      if (!onlyReads(entry)) return false
      const { user } = entry
      if (at - began >= WINDOW) {
        flush()
        lines.clear()
        summed.clear()
        began = at
      }
      const had = lines.get(user) ?? 0
      if (had < maxLines()) {
        lines.set(user, had + 1)
        return false
      }
      if (!summed.has(user)) {
        summed.add(user)
        onUser(user)
      }
      const sum = sumFor(entry, at)
      sum.rpcs += 1
      sum.bytesFromClient += entry.bytesFromClient
      sum.bytesFromDevice += entry.bytesFromDevice
      timer ??= setTimeout(flush, INTERVAL).unref()
      return true
    },
    flush,
  }
}

/** Whether an RPC did no more than read, as its name says, and nobody denied it. */
function onlyReads({ operation, moreOperations, outcome }: RpcEntry): boolean {
  const reads = operation === 'get' || operation.startsWith('get-')
  return reads && moreOperations === undefined && outcome !== 'access-denied'
}

/** What RPCs are summed by: everything; then the operation and its outcome; then nothing more. */
function groupOf({ user, source, via, deviceId, sessionId, ...rpc }: RpcEntry, level: number): Group {
  const { operation, namespace, datastore, outcome } = rpc
  // Each call over HTTP may come from a port of its own.
  const address = source.replace(/:\d+$/, '')
  if (level === 0) return { user, source: address, via, deviceId, sessionId, operation, namespace, datastore, outcome }
  return level === 1
    ? { user, operation, namespace, datastore, outcome }
    : { user, operation: SEVERAL, outcome: SEVERAL }
}

function keyOf(entry: RpcEntry, level: number): string {
  return Object.values(groupOf(entry, level)).join('\0')
}
