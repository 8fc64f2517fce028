import { performance } from 'node:perf_hooks'
import { takeLongestPiece, type Work } from '../lib/current-work.js'

/** A time in which the event loop came to nothing else; times in milliseconds. */
export interface EventLoopStall {
  readonly milliseconds: number
  /**
   * CPU time of the whole process meanwhile; far less than `milliseconds` where the machine had no time for it, or it
   * waited for a disk.
   */
  readonly cpuMilliseconds: number
  /** What most of it was for; undefined where it was many small pieces of work. */
  readonly work: Work | undefined
}

/** Milliseconds between two looks at the clocks. */
const INTERVAL = 20

/** Milliseconds from which on a wait of everybody is called a stall. */
export const SHORTEST_STALL = 100

/**
 * Calls `onStall` after each stall of this thread's event loop. What it cannot tell is a loop that never turns again;
 * the service manager's watchdog is for that.
 *
 * @returns what stops it
 */
export function watchForStalls(onStall: (stall: EventLoopStall) => void): () => void {
  let lookedAt = performance.now()
  // What was begun before counts no more.
  takeLongestPiece(lookedAt)
  let idle = performance.eventLoopUtilization().idle
  let cpu = process.cpuUsage()
  const look = (): void => {
    const now = performance.now()
    const longest = takeLongestPiece(now)
    const idleNow = performance.eventLoopUtilization().idle
    const milliseconds = now - lookedAt - (idleNow - idle)
    if (milliseconds >= SHORTEST_STALL) {
      const { user, system } = process.cpuUsage(cpu)
      const work = longest.milliseconds >= milliseconds / 2 ? longest.work : undefined
      onStall({ milliseconds, cpuMilliseconds: (user + system) / 1000, work })
    }
    lookedAt = now
    idle = idleNow
    cpu = process.cpuUsage()
  }
  const timer = setInterval(look, INTERVAL).unref()
  return () => clearInterval(timer)
}
