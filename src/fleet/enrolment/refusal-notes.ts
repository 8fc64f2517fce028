import { createRateLimit } from '../../lib/rate-limit.js'
import { isOverloadRefusal, type LinkRefusal } from '../refusals/call-home.js'

/** How often calls of a device were refused, and when the last refusal is worth a write. */
export interface RefusalNotes {
  /**
   * Counts a refused call; whether it is to be written: a stranger may call ten times a second, and claim every device
   * that there is.
   */
  readonly count: (deviceId: string, refusal: Pick<LinkRefusal, 'reason'>) => boolean
  /** By reason, since the bridge started. */
  readonly of: (deviceId: string) => Readonly<Record<string, number>> | undefined
  readonly forget: (deviceId: string) => void
}

/** Milliseconds between two writes of a device's last refusal. */
const INTERVAL = 10_000
/** The same of all devices together. */
const WRITES = { each: 200, all: 200, interval: INTERVAL }

/** @param now milliseconds since 1970 */
export function createRefusalNotes(now: () => number): RefusalNotes {
  const written = new Map<string, number>()
  const mayBeWritten = createRateLimit(WRITES, now)
  const counts = new Map<string, Record<string, number>>()
  return {
    count: (deviceId, refusal) => {
      const { reason } = refusal
      const sofar = counts.get(deviceId) ?? {}
      counts.set(deviceId, { ...sofar, [reason]: (sofar[reason] ?? 0) + 1 })
      if (isOverloadRefusal(refusal)) return false
      const isDue = (written.get(deviceId) ?? 0) + INTERVAL <= now()
      if (!isDue || mayBeWritten('refusal', deviceId) === undefined) return false
      written.set(deviceId, now())
      return true
    },
    of: (deviceId) => counts.get(deviceId),
    forget: (deviceId) => {
      written.delete(deviceId)
      counts.delete(deviceId)
    },
  }
}
