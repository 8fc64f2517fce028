import { inBackground } from '../../lib/background.js'
import { atDate } from '../../lib/at-date.js'
import type { RightEnd } from './right-end.js'

/** Something that goes on for as long as the right that it was begun with: a stream, a session, a connection. */
export interface LiveThing {
  /** Why the right is gone; undefined while it holds. Asked whenever what rights are made of may have changed. */
  readonly check: () => RightEnd | undefined | Promise<RightEnd | undefined>
  /** When the right ends by itself. */
  readonly until?: Date | undefined
  /** Ends the thing, and tells its client why. Called once. */
  readonly end: (why: RightEnd) => void
}

/**
 * All streams, sessions and connections that depend on somebody's right. Code that takes away a right (revokes a token,
 * removes a user, changes a role) calls `recheck`. Everything that has lost its right then ends.
 */
export interface LiveRights {
  /**
   * Watches a thing until the function that it returns is called; checked at once, because its right may have ended
   * while it began.
   */
  readonly watch: (thing: LiveThing) => () => void
  /** Checks the right of everything that is watched. */
  readonly recheck: () => void
  /** How many things are watched. */
  readonly count: () => number
}

/** Things that are looked at before others have their turn: thousands may be live, and sessions go on between. */
const LOOKED_AT_ONCE = 100

/** @param onFault told of a check that failed; its thing goes on until the next check */
export function createLiveRights(onFault: (error: unknown) => void): LiveRights {
  const watched = new Set<Watched>()

  const look = async (one: Watched): Promise<void> => {
    try {
      const why = await one.thing.check()
      if (why === undefined || !watched.has(one)) return
      release(one)
      one.thing.end(why)
    } catch (error) {
      onFault(error)
    }
  }
  const lookSoon = (one: Watched): void => inBackground('session', look(one))
  const release = (one: Watched): void => {
    watched.delete(one)
    one.disarm()
  }

  let round: Iterator<Watched> | undefined
  /** Looks at some of those that are left of this round, and at the others in later turns of the event loop. */
  const goOn = (): void => {
    for (let looked = 0; looked < LOOKED_AT_ONCE; looked += 1) {
      const next = round?.next()
      if (next === undefined || next.done === true) {
        round = undefined
        return
      }
      lookSoon(next.value)
    }
    setImmediate(goOn)
  }

  return {
    watch: (thing) => {
      const one: Watched = { thing, disarm: () => undefined }
      watched.add(one)
      if (thing.until !== undefined) one.disarm = atDate(thing.until, () => lookSoon(one))
      lookSoon(one)
      return () => release(one)
    },
    recheck: () => {
      // What was looked at before the last change is looked at again.
      const running = round !== undefined
      round = watched.values()
      if (!running) goOn()
    },
    count: () => watched.size,
  }
}

interface Watched {
  readonly thing: LiveThing
  disarm: () => void
}
