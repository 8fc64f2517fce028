import type { FleetEventFeed } from '../fleet/events.js'
import type { AttachedDevices } from '../store/store.js'

/**
 * Keeps in the store which devices are attached, for the process after this one. What a stop ends stays noted: those
 * devices dial again. Who was attached before this process and has not come again within `patience` milliseconds is
 * expected no longer.
 */
export function noteAttached(events: FleetEventFeed, attached: AttachedDevices, stallTimeout: number): void {
  const missing = new Set(attached.before.deviceIds)
  events.subscribe({
    attached: ({ deviceId }) => {
      // It stands there already.
      if (!missing.delete(deviceId)) attached.note(deviceId, true)
    },
    detached: ({ deviceId, end }) => {
      if (end.reason !== 'shutdown') attached.note(deviceId, false)
    },
  })
  const forget = setTimeout(() => {
    for (const deviceId of missing) attached.note(deviceId, false)
    missing.clear()
  }, stallTimeout)
  forget.unref()
}
