import type { Readable } from 'node:stream'

/** What comes on a channel, held back for as long as one of those who read it has no room. */
export interface HeldFlow {
  /** Holds it until the function that this gives is called, however often. */
  readonly hold: () => () => void
}

/**
 * Several may hold the channel at once. It flows again in the next turn of the event loop: a stream hands out all that
 * it had kept at once, and whoever held it would have that work done again before anything else.
 */
export function createHeldFlow(channel: Pick<Readable, 'pause' | 'resume'>): HeldFlow {
  let holds = 0
  let scheduled = false
  const goOn = (): void => {
    scheduled = false
    if (holds === 0) channel.resume()
  }
  return {
    hold: () => {
      let held = true
      holds += 1
      if (holds === 1) channel.pause()
      return () => {
        if (!held) return
        held = false
        holds -= 1
        if (holds > 0 || scheduled) return
        scheduled = true
        setImmediate(goOn)
      }
    },
  }
}
