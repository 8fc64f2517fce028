import { randomBytes } from 'node:crypto'
import { partyOf } from './refusal-party.js'
import type { FleetEventFeed, FleetListeners } from './events.js'
import { createRateLimit } from '../lib/rate-limit.js'

export const FLEET_EVENT_TYPES = [
  'attached',
  'replaced',
  'link-added',
  'link-ended',
  'detached',
  'refused',
  'contested',
  'pending',
  'decided',
  'labelled',
] as const

export type FleetEventType = (typeof FLEET_EVENT_TYPES)[number]

/** Something that happened in the fleet, as clients of the API and webhooks are told. Nothing secret is in it. */
export interface FleetEvent {
  /** Grows with each event; names the run of the bridge too, so that one of an earlier run is known as such. */
  readonly id: string
  readonly type: FleetEventType
  readonly at: string
  readonly deviceId: string | null
  readonly details: Readonly<Record<string, unknown>>
}

/**
 * Whether an event was caused by somebody who has proven nothing: of these only some are told, and none takes the place
 * of another one.
 */
export function isStrangersEvent({ type }: Pick<FleetEvent, 'type'>): boolean {
  return type === 'refused' || type === 'pending'
}

/**
 * Strangers' events of one kind that are told: of one device id or source, and of all. The next that is told has the
 * number of the others.
 */
const strangersBounds = { each: 10, all: 50, interval: 10_000 }

/** The last events, and those to come. */
export interface FleetEventLog {
  /**
   * What came after an event; `complete` is false where some of devices are no longer here, or it is of an earlier run.
   */
  readonly since: (id: string) => { readonly events: readonly FleetEvent[]; readonly complete: boolean }
  /** @returns what ends it */
  readonly listen: (listener: (event: FleetEvent) => void) => () => void
  readonly close: () => void
}

/**
 * @param most events of devices that are kept for those who come again; of what strangers caused, a quarter as many are
 * kept besides
 */
export function createFleetEventLog(
  feed: FleetEventFeed,
  most: number,
  now: () => Date = () => new Date(),
): FleetEventLog {
  const run = randomBytes(4).toString('hex')
  const ofDevices = createRing(most)
  const ofStrangers = createRing(Math.ceil(most / 4))
  const limit = createRateLimit(strangersBounds, () => now().getTime())
  const listeners = new Set<(event: FleetEvent) => void>()
  let number = 0

  const tell = (type: FleetEventType, deviceId: string | undefined, details: FleetEvent['details']): void => {
    number += 1
    // oxlint-disable-next-line unicorn/no-null -- it goes out as JSON
    const event = { id: `${run}-${number}`, type, at: now().toISOString(), deviceId: deviceId ?? null, details }
    const ring = isStrangersEvent(event) ? ofStrangers : ofDevices
    ring.keep({ number, event })
    for (const listener of listeners) listener(event)
  }
  const tellOfStranger = (
    type: 'refused' | 'pending',
    { deviceId, ...details }: FleetEvent['details'] & { readonly deviceId?: string; readonly source: string },
    kind: string = type,
  ): void => {
    const party = { source: details.source, ...(deviceId === undefined ? {} : { deviceId }) }
    const notTold = limit(kind, partyOf(party))
    if (notTold !== undefined) tell(type, deviceId, notTold === 0 ? details : { ...details, notTold })
  }
  const takers = {
    attached: ({ deviceId, ...details }) => tell('attached', deviceId, details),
    replaced: ({ deviceId, ...details }) => tell('replaced', deviceId, details),
    'link-added': ({ deviceId, ...details }) => tell('link-added', deviceId, details),
    'link-ended': ({ deviceId, end, ...details }) =>
      tell('link-ended', deviceId, { ...details, reason: end.reason, message: end.message }),
    detached: ({ deviceId, end, ...details }) =>
      tell('detached', deviceId, { ...details, reason: end.reason, message: end.message }),
    refused: ({ deviceId, source, reason, message, hint }) =>
      tellOfStranger(
        'refused',
        { source, reason, message, hint, ...(deviceId === undefined ? {} : { deviceId }) },
        reason,
      ),
    contested: ({ deviceId, ...details }) => tell('contested', deviceId, details),
    pending: (pending) => tellOfStranger('pending', pending),
    decided: ({ deviceId, ...details }) => tell('decided', deviceId, details),
    labelled: ({ deviceId, ...details }) => tell('labelled', deviceId, details),
  } satisfies Required<Pick<FleetListeners, FleetEventType>>
  const stopListening = feed.subscribe(takers)

  return {
    since: (id) => {
      const [ofRun, text] = id.split('-')
      const known = ofRun === run && /^\d+$/.test(text ?? '')
      const last = known ? Number(text) : 0
      const events = [...ofDevices.after(last), ...ofStrangers.after(last)]
        .toSorted((one, other) => one.number - other.number)
        .map(({ event }) => event)
      return { events, complete: known && last >= ofDevices.lost }
    },
    listen: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => {
      stopListening()
      listeners.clear()
    },
  }
}

interface Numbered {
  readonly number: number
  readonly event: FleetEvent
}

/** The last events of a kind. */
interface Ring {
  readonly keep: (event: Numbered) => void
  readonly after: (number: number) => readonly Numbered[]
  /** The number of the last that is no longer here; 0 where all are. */
  readonly lost: number
}

function createRing(most: number): Ring {
  const kept: Numbered[] = []
  let lost = 0
  return {
    keep: (event) => {
      kept.push(event)
      if (kept.length > most) lost = kept.shift()?.number ?? lost
    },
    after: (number) => kept.filter((event) => event.number > number),
    get lost() {
      return lost
    },
  }
}
