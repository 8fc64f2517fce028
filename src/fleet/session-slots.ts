/** A place among the sessions of a link. Its holder gives it back once. */
export type Release = () => void

/** Has functions and no getters: objects with getters share no hidden class in V8, and every link has one of these. */
export interface SessionSlots {
  readonly taken: () => number
  /** How many are free; none once it is closed. */
  readonly free: () => number
  /** Takes a place; undefined where none is free. */
  readonly take: () => Release | undefined
  /** Applies a new limit. A lower one ends no session that is running. */
  readonly limit: (maxSessions: number) => void
  /** Gives no place from now on. */
  readonly close: () => void
}

/** What follows when places become free. */
export interface SlotsListener {
  /** Places may have become free. */
  readonly freed?: () => void
  /** The last session has given back its place, and nobody has taken one since. */
  readonly idle?: () => void
}

/** The sessions that one link may carry at a time. Who waits for one waits in the `SessionQueue` of the device. */
export function createSessionSlots(initial: number, { freed, idle }: SlotsListener = {}): SessionSlots {
  let most = initial
  let taken = 0
  let closed = false

  const free = (): number => (closed ? 0 : Math.max(most - taken, 0))
  const place = (): Release => {
    taken += 1
    let released = false
    return () => {
      if (released) return
      released = true
      taken -= 1
      if (closed) return
      freed?.()
      if (taken === 0) idle?.()
    }
  }

  return {
    taken: () => taken,
    free,
    take: () => (free() > 0 ? place() : undefined),
    limit: (next) => {
      most = next
      freed?.()
    },
    close: () => {
      closed = true
    },
  }
}
