import type { Clock } from '../../../src/simulator/clock.js'

/** A clock that a test moves by hand. */
export interface ManualClock extends Clock {
  readonly advance: (milliseconds: number) => void
  readonly timers: () => number
}

export function createManualClock(start = Date.UTC(2025, 0, 1)): ManualClock {
  let now = start
  const timers = new Map<symbol, { readonly at: number; readonly callback: () => void }>()
  return {
    now: () => now,
    after: (delay, callback) => {
      const id = Symbol('timer')
      timers.set(id, { at: now + delay, callback })
      return () => {
        timers.delete(id)
      }
    },
    advance: (milliseconds) => {
      now += milliseconds
      for (const [id, timer] of timers) {
        if (timer.at > now) continue
        timers.delete(id)
        timer.callback()
      }
    },
    timers: () => timers.size,
  }
}
