/** A bound on the bytes that the requests of all sessions may hold together. */
export interface InspectionBudget {
  /** Whether one request may hold so many bytes, of which it held others before. */
  readonly grow: (before: number, after: number) => boolean
  readonly release: (held: number) => void
}

/** Bytes of a request that count for nothing, so that who holds much keeps nobody from asking what is small. */
const FREE = 64 * 1024

/** @param max bytes of all requests together, read anew each time */
export function createInspectionBudget(max: () => number): InspectionBudget {
  const counted = (bytes: number): number => Math.max(0, bytes - FREE)
  let total = 0
  return {
    grow: (before, after) => {
      const added = counted(after) - counted(before)
      if (added > 0 && total + added > max()) return false
      total += added
      return true
    },
    release: (held) => {
      total -= counted(held)
    },
  }
}
