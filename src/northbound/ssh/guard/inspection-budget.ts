/** A bound on the octets that the requests of all sessions may hold together. */
export interface HeldOctets {
  /** Whether one request may hold so many octets, of which it held others before. */
  grow(before: number, after: number): boolean
  release(held: number): void
}

/** Octets of a request that count for nothing, so that who holds much keeps nobody from asking what is small. */
const FREE = 64 * 1024

/** @param max octets of all requests together, read anew each time */
export function createHeldOctets(max: () => number): HeldOctets {
  const counted = (octets: number): number => Math.max(0, octets - FREE)
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
