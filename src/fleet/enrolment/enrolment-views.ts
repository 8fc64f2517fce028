import type { Enrolment } from '../../store/enrolment.js'
import type { Store } from '../../store/store.js'
import { standingOf, viewOf } from './enrolled-device.js'
import type { Enrolments, EnrolmentView, Standing } from './enrolment.js'
import type { EnrolmentMemory } from './enrolment-memory.js'
import type { RefusalNotes } from './refusal-notes.js'

/** What may be known of enrolments. */
export interface EnrolmentViews extends Pick<Enrolments, 'list' | 'get'> {
  readonly countByStanding: () => Readonly<Record<Standing, number>>
}

/** Reads the store, where last calls are noted, and memory for what has not been written yet. */
export function createEnrolmentViews(
  store: Pick<Store, 'enrolments'>,
  memory: EnrolmentMemory,
  refusals: Pick<RefusalNotes, 'of'>,
): EnrolmentViews {
  const { entryOf } = memory
  const shown = (deviceId: string, enrolment: Enrolment | undefined): EnrolmentView => {
    const counts = refusals.of(deviceId)
    return { ...viewOf(deviceId, entryOf(deviceId), enrolment), ...(counts === undefined ? {} : { refusals: counts }) }
  }
  return {
    get: async (deviceId) => {
      const inStore = memory.isAhead(deviceId) ? undefined : await store.enrolments.get(deviceId).catch(() => undefined)
      const current = inStore ?? memory.of(deviceId)
      return current === undefined && entryOf(deviceId) === undefined ? undefined : shown(deviceId, current)
    },
    list: async () => {
      const fromStore = await store.enrolments.list().catch(() => memory.all())
      const written = fromStore.filter(({ deviceId }) => !memory.isAhead(deviceId))
      const unwritten = memory.all().filter(({ deviceId }) => memory.isAhead(deviceId))
      const current = new Map([...written, ...unwritten].map((enrolment) => [enrolment.deviceId, enrolment]))
      const ids = new Set([...memory.entries().map(({ id }) => id), ...current.keys()])
      return [...ids].toSorted().map((id) => shown(id, current.get(id)))
    },
    countByStanding: () => {
      const counts = { configured: 0, approved: 0, pending: 0, rejected: 0 }
      for (const device of memory.entries()) counts[standingOf(device, memory.of(device.id))] += 1
      for (const { deviceId, standing } of memory.all()) if (entryOf(deviceId) === undefined) counts[standing] += 1
      return counts
    },
  }
}
