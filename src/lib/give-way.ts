import { setImmediate as nextTurn } from 'node:timers/promises'

/** Milliseconds of work in a turn of the event loop, where there is much of it. */
const TURN = 5

/**
 * For work on very many things: awaited between two of them, it lets everything else come first once this has worked
 * for some milliseconds. It costs next to nothing where there is time left.
 */
export function createGiveWay(now: () => number = () => performance.now()): () => Promise<void> | undefined {
  let end = now() + TURN
  return () => {
    if (now() < end) return undefined
    return nextTurn().then(() => {
      end = now() + TURN
    })
  }
}
