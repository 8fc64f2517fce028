import { createGiveWay } from '../../lib/give-way.js'
import { outlineOf, standingOf, viewOf } from './enrolled-device.js'
import type { Enrolments, EnrolmentView, Standing } from './enrolment.js'
import type { EnrolmentMemory } from './enrolment-memory.js'
import type { RefusalNotes } from './refusal-notes.js'

/** What may be known of enrolments. */
export interface EnrolmentViews extends Pick<Enrolments, 'list' | 'get' | 'outlines' | 'labelsOf'> {
  readonly countByStanding: () => Readonly<Record<Standing, number>>
}

/** Reads memory, which has all that the store has, and what has not been written yet. */
export function createEnrolmentViews(memory: EnrolmentMemory, refusals: Pick<RefusalNotes, 'of'>): EnrolmentViews {
  const { entryOf } = memory
  const shown = (deviceId: string): EnrolmentView | undefined => {
    const [entry, enrolment] = [entryOf(deviceId), memory.of(deviceId)]
    if (entry === undefined && enrolment === undefined) return undefined
    const counts = refusals.of(deviceId)
    return { ...viewOf(deviceId, entry, enrolment), ...(counts === undefined ? {} : { refusals: counts }) }
  }
  const allIds = (): readonly string[] => [
    ...new Set([...memory.entries().map(({ id }) => id), ...memory.all().map(({ deviceId }) => deviceId)]),
  ]
  return {
    get: async (deviceId) => shown(deviceId),
    list: async (deviceIds = allIds().toSorted()) => {
      const views: EnrolmentView[] = []
      const giveWay = createGiveWay()
      for (const deviceId of deviceIds) {
        await giveWay()
        const view = shown(deviceId)
        if (view !== undefined) views.push(view)
      }
      return views
    },
    labelsOf: async (deviceId) => entryOf(deviceId)?.labels ?? memory.of(deviceId)?.labels,
    outlines: async () => allIds().map((deviceId) => outlineOf(deviceId, entryOf(deviceId), memory.of(deviceId))),
    countByStanding: () => {
      const counts = { configured: 0, approved: 0, pending: 0, rejected: 0 }
      for (const device of memory.entries()) counts[standingOf(device, memory.of(device.id))] += 1
      for (const { deviceId, standing } of memory.all()) if (entryOf(deviceId) === undefined) counts[standing] += 1
      return counts
    },
  }
}
