import { reportFault } from './background.js'

/**
 * Does pieces of work one after the other, so few in each turn of the event loop that everything else comes between.
 */
export type TimeSlicer = (work: () => void) => void

/** Milliseconds of work in one turn; the piece that goes beyond it is the last one. */
const TURN = 2
/** Milliseconds of work that may be done before the share counts: what many do who come at once, but not on and on. */
const BURST = 250

export interface TurnOptions {
  readonly now?: () => number
  /**
   * The share of all time that the work may take in the long run, more than 0; asked each time. All of it, where not
   * given.
   */
  readonly share?: () => number
}

export function createTimeSlicer({ now = () => performance.now(), share = () => 1 }: TurnOptions = {}): TimeSlicer {
  const waiting: (() => void)[] = []
  /** Milliseconds of work that may be done now, and when that was reckoned. */
  let allowance = BURST
  let reckonedAt = now()
  let scheduled = false

  const reckon = (spent: number): void => {
    const at = now()
    allowance = Math.min(allowance + (at - reckonedAt) * share(), BURST) - spent
    reckonedAt = at
  }
  const run = (): void => {
    scheduled = false
    const began = now()
    const end = began + TURN
    for (let work = waiting.shift(); work !== undefined; work = now() < end ? waiting.shift() : undefined)
      try {
        work()
      } catch (error) {
        // Whoever handed it in has had its chance to catch it; all others go on.
        reportFault('handshake', error)
      }
    if (share() < 1) reckon(now() - began)
    if (waiting.length > 0) schedule()
  }
  const schedule = (): void => {
    if (scheduled) return
    scheduled = true
    if (share() < 1) reckon(0)
    if (share() >= 1 || allowance > 0) setImmediate(run)
    else setTimeout(run, Math.ceil(-allowance / share()))
  }
  return (work) => {
    waiting.push(work)
    schedule()
  }
}
