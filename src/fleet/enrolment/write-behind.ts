import { setImmediate } from 'node:timers/promises'
import type { Enrolment } from '../../store/enrolment.js'

export type EnrolmentEdit = (current: Enrolment) => Enrolment | undefined

/**
 * Writes a few enrolments at once. Of many, as when thousands of entries are removed from the configuration file, it
 * writes some in each turn of the event loop. It stops at the first one that cannot be written. The next start of the
 * bridge finds the others, and writes them.
 */
export interface WriteBehind {
  readonly add: (edits: ReadonlyMap<string, EnrolmentEdit>) => void
  /** Whether what is stored of a device is older than what is in memory. */
  readonly awaits: (deviceId: string) => boolean
  /** Writes what waits of one device, so that a later change of it comes after. */
  readonly first: (deviceId: string) => Promise<void>
}

const AT_ONCE = 50
const EACH_TURN = 20

/** @param write must call the store before it returns, so that changes come in order */
export function createWriteBehind(
  write: (deviceId: string, edit: EnrolmentEdit) => Promise<boolean>,
  inBackground: (work: Promise<void>) => void,
): WriteBehind {
  const waiting = new Map<string, EnrolmentEdit>()
  const first = async (deviceId: string): Promise<void> => {
    const edit = waiting.get(deviceId)
    if (edit === undefined) return
    waiting.delete(deviceId)
    if (!(await write(deviceId, edit))) waiting.clear()
  }
  const work = async (): Promise<void> => {
    while (waiting.size > 0) {
      await setImmediate()
      await Promise.all([...waiting.keys()].slice(0, EACH_TURN).map(first))
    }
  }
  return {
    add: (edits) => {
      const idle = waiting.size === 0
      for (const [deviceId, edit] of edits) {
        inBackground(first(deviceId))
        waiting.set(deviceId, edit)
      }
      for (const deviceId of [...edits.keys()].slice(0, AT_ONCE)) inBackground(first(deviceId))
      if (idle && waiting.size > 0) inBackground(work())
    },
    awaits: (deviceId) => waiting.has(deviceId),
    first,
  }
}
