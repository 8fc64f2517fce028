/**
 * Octets that have passed and wait to be looked at, until the turn of the event loop in which they passed is over: they are on their way then, and
 * whoever sent them is not kept waiting. What came in one turn is looked at together, which takes less time than looking at each in between.
 */
export interface FollowQueue {
  /** Has octets looked at soon, after all that were added before. They came at this time of the clock. */
  readonly add: (look: Look, octets: Buffer, at: number) => void
  /** Has all of them looked at now. */
  readonly drain: () => void
}

export type Look = (octets: Buffer, at: number) => void

/** Buffers and octets that wait at most: their memory is held, and looking at them is a moment's work. */
const MAX_BUFFERS = 64
const MAX_OCTETS = 256 * 1024

/** @param soon calls back at the end of the turn; a test may have octets looked at on the spot */
export function createFollowQueue(soon: (drain: () => void) => void = setImmediate): FollowQueue {
  const looks: Look[] = []
  const buffers: Buffer[] = []
  const times: number[] = []
  let waiting = 0

  const drain = (): void => {
    waiting = 0
    for (let n = 0; n < looks.length; n += 1) {
      const octets = buffers[n]
      if (octets !== undefined) looks[n]?.(octets, times[n] ?? 0)
    }
    looks.length = 0
    buffers.length = 0
    times.length = 0
  }

  return {
    add: (look, octets, at) => {
      looks.push(look)
      buffers.push(octets)
      times.push(at)
      waiting += octets.length
      if (looks.length >= MAX_BUFFERS || waiting >= MAX_OCTETS) drain()
      else if (looks.length === 1) soon(drain)
    },
    drain,
  }
}
