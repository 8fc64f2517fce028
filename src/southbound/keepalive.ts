/** What is asked at intervals whether it is still there. */
export interface Probed {
  /** Sends a probe; `answered` is called when something comes back for it. */
  readonly probe: (answered: () => void) => void
  /** Told once, when too many probes in a row got no answer. */
  readonly silent: () => void
}

/**
 * Keepalive probes of all links. Those that are due within a fifth of a second are sent together: the processor then does the same for many devices in a row,
 * which costs a third of doing it for each at a moment of its own.
 */
export interface Keepalive {
  /**
   * Asks from now on, first when an interval has passed. Returns what ends it.
   * @param interval milliseconds; 0 asks never
   * @param countMax probes that may stay unanswered
   */
  readonly watch: (probed: Probed, interval: number, countMax: number) => () => void
}

/** Milliseconds in which probes are gathered. */
const TICK = 200

export function createKeepalive(): Keepalive {
  const wheels = new Map<number, Wheel>()
  return {
    watch: (probed, interval, countMax) => {
      if (interval === 0) return () => undefined
      const wheel = wheels.get(interval) ?? createWheel(interval, () => wheels.delete(interval))
      wheels.set(interval, wheel)
      let unanswered = 0
      const answered = (): void => {
        unanswered = 0
      }
      const stop = wheel.add(() => {
        if (unanswered >= countMax) {
          stop()
          return probed.silent()
        }
        unanswered += 1
        probed.probe(answered)
      })
      return stop
    },
  }
}

interface Wheel {
  /** Calls once in each turn of the wheel, first when a whole turn has passed. */
  readonly add: (due: () => void) => () => void
}

/** Slots that come round once in an interval. It turns only while something is on it. */
function createWheel(interval: number, onEmpty: () => void): Wheel {
  const slots = Array.from({ length: Math.max(1, Math.round(interval / TICK)) }, () => new Set<() => void>())
  let count = 0
  let at = 0
  const timer = setInterval(() => {
    at = (at + 1) % slots.length
    // Who is added while these are called has its turn in the next one.
    for (const due of Array.from(slots[at] ?? [])) due()
  }, interval / slots.length)
  timer.unref()

  return {
    add: (due) => {
      const slot = slots[at]
      slot?.add(due)
      count += 1
      return () => {
        if (slot?.delete(due) !== true) return
        count -= 1
        if (count > 0) return
        clearInterval(timer)
        onEmpty()
      }
    },
  }
}
