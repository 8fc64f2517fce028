import type { EventLoopStall } from '../telemetry/event-loop-stalls.js'
import type { Log } from '../telemetry/log.js'

/** Milliseconds between two lines: whoever can stall the event loop must not fill the log as well. */
const LINE_INTERVAL = 10_000

/**
 * Tells of stalls, and what the event loop worked on; those that came too soon after a line are counted in the next
 * one.
 */
export function createStallLog(log: Log, now = () => performance.now()): (stall: EventLoopStall) => void {
  let quietUntil = Number.NEGATIVE_INFINITY
  let untold = 0
  return ({ milliseconds, cpuMilliseconds, work }) => {
    if (now() < quietUntil) {
      untold += 1
      return
    }
    log.warn(
      {
        work: work?.kind ?? 'many',
        ...(work?.source === undefined ? {} : { source: work.source }),
        milliseconds: Math.round(milliseconds),
        cpuMilliseconds: Math.round(cpuMilliseconds),
        ...(untold === 0 ? {} : { untoldBefore: untold }),
        hint: hintFor(milliseconds, cpuMilliseconds),
      },
      'event loop stalled: every session waited',
    )
    untold = 0
    quietUntil = now() + LINE_INTERVAL
  }
}

function hintFor(milliseconds: number, cpuMilliseconds: number): string {
  return cpuMilliseconds < milliseconds / 2
    ? 'the bridge had little CPU time meanwhile: the machine is too busy, or the disk of data-dir is slow'
    : 'see "Stalls" in docs/monitoring.md for what each kind of work means'
}
