import { type FaultPlace, tellFaultsTo } from '../lib/background.js'
import { createRateLimit } from '../lib/rate-limit.js'
import type { Log } from '../telemetry/log.js'
import type { FaultMetrics } from '../telemetry/metrics.js'

/** A fault that somebody can cause at will must not fill the log; all of them are counted. */
const FAULT_LINES = { each: 10, all: 30, interval: 60_000 }

/**
 * Logs and counts faults of the bridge itself, each of which has ended the one connection, session or piece of work
 * that it came up in.
 * @returns what ends that
 */
export function logFaults(log: Log, metrics: FaultMetrics): () => void {
  const limit = createRateLimit(FAULT_LINES)
  return tellFaultsTo((place: FaultPlace, error) => {
    metrics.faultFound(place)
    const heldBack = limit('fault', place)
    if (heldBack === undefined) return
    log.error(
      { where: place, err: error, ...(heldBack === 0 ? {} : { heldBack }), hint: 'please report this with the stack' },
      'fault of the bridge: what it came up in has ended, all else goes on',
    )
  })
}
