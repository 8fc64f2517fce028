import { closeSync, openSync, readSync } from 'node:fs'

// Plain JavaScript, so that a test can load it into the bridge, too (loop-turn.ts tells how).

/** Milliseconds between two looks at the clocks: a turn is measured too long by this at most. */
const INTERVAL = 2
/** Milliseconds of a tick of /proc/…/stat (USER_HZ is 100 on every Linux). */
const TICK = 10

/**
 * Measures turns of the event loop of the calling thread until it is stopped. A turn counts with the CPU time that this
 * thread spent in it: what the machine gave to other programs, and what other threads did meanwhile, is no fault of the
 * turn. Node 20 has no clock of that kind, so three bounds are taken and the least of them counts: the time that
 * passed, the CPU time of the process, and the ticks of the thread, which the kernel rounds to 10 ms.
 *
 * @returns {{ longest(): number, restart(): void, stop(): number }} milliseconds; `restart` forgets what was measured
 */
export function measureLoopTurns() {
  const stat = openSync('/proc/thread-self/stat', 'r')
  const line = Buffer.alloc(1024)
  /** Fields 14 and 15 of proc(5), counted behind the name, which may hold spaces. */
  const ticks = () => {
    const text = line.toString('latin1', 0, readSync(stat, line, 0, line.length, 0))
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return Number(fields[11]) + Number(fields[12])
  }
  const look = () => {
    const { user, system } = process.cpuUsage()
    return { passed: performance.now(), process: (user + system) / 1000, thread: ticks() * TICK }
  }

  let longest = 0
  let last = look()
  const measure = () => {
    const now = look()
    const cost = Math.min(now.passed - last.passed, now.process - last.process, now.thread - last.thread + TICK)
    longest = Math.max(longest, cost)
    last = now
  }
  // A timer that is due runs once a turn, so between two of its calls lies one long turn at most.
  const timer = setInterval(measure, INTERVAL).unref()

  let stopped = false
  return {
    longest: () => {
      if (!stopped) measure()
      return longest
    },
    restart: () => {
      longest = 0
      last = look()
    },
    stop: () => {
      if (stopped) return longest
      measure()
      stopped = true
      clearInterval(timer)
      closeSync(stat)
      return longest
    },
  }
}
