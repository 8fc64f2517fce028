/**
 * Octets that have passed and wait to be looked at. Looking at many at once takes a third of the time of looking at each between
 * all the other work, and whoever sent them is not kept waiting for it.
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

/** @param delay milliseconds that octets wait at most; 0 has them looked at on the spot */
export function createFollowQueue(delay: number): FollowQueue {
  const looks: Look[] = []
  const buffers: Buffer[] = []
  const times: number[] = []
  let waiting = 0
  let timer: NodeJS.Timeout | undefined

  const drain = (): void => {
    clearTimeout(timer)
    timer = undefined
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
      if (delay === 0 || looks.length >= MAX_BUFFERS || waiting >= MAX_OCTETS) drain()
      else timer ??= setTimeout(drain, delay)
    },
    drain,
  }
}
