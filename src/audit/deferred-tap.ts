/**
 * Bytes that have passed and wait to be looked at. Looking at a few messages together takes little more than looking at
 * one, since between all the other work everything has to come back into the processor's caches; but not at so many
 * that whoever comes next waits for it. So a handful is looked at at the end of the turn in which it became one: what
 * came last is on its way then, and nobody's answer is due at once.
 */
export interface DeferredTap {
  /** Has bytes looked at soon, after all that were added before. They came at this time of the clock. */
  readonly add: (look: Look, bytes: Buffer, at: number) => void
  /** Has all of them looked at now. */
  readonly drain: () => void
}

export type Look = (bytes: Buffer, at: number) => void

/** Buffers that are a handful. */
const HANDFUL = 16
/** Milliseconds that fewer wait. */
const DELAY = 20
/** Buffers and bytes that wait at most: their memory is held, and looking at them is a moment's work. */
const MAX_BUFFERS = 64
const MAX_BYTES = 256 * 1024

export function createDeferredTap(): DeferredTap {
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
      const bytes = buffers[n]
      if (bytes !== undefined) looks[n]?.(bytes, times[n] ?? 0)
    }
    looks.length = 0
    buffers.length = 0
    times.length = 0
  }

  return {
    add: (look, bytes, at) => {
      looks.push(look)
      buffers.push(bytes)
      times.push(at)
      waiting += bytes.length
      if (looks.length >= MAX_BUFFERS || waiting >= MAX_BYTES) drain()
      else if (looks.length === HANDFUL) setImmediate(drain)
      else timer ??= setTimeout(drain, DELAY)
    },
    drain,
  }
}
