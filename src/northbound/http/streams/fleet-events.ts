import { randomBytes } from 'node:crypto'
import type { FleetEmitter } from '../../../fleet/events.js'

export const FLEET_EVENT_TYPES = ['attached', 'replaced', 'detached', 'refused', 'pending', 'decided'] as const

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

/** The last events, and those to come. */
export interface FleetEventLog {
  /** What came after an event; `complete` is false where older ones are no longer here, or are of an earlier run. */
  since(id: string): { readonly events: readonly FleetEvent[]; readonly complete: boolean }
  /** @returns what ends it */
  listen(listener: (event: FleetEvent) => void): () => void
  close(): void
}

/** @param most events that are kept for those who come again */
export function createFleetEventLog(
  emitter: FleetEmitter,
  most: number,
  now: () => Date = () => new Date(),
): FleetEventLog {
  const run = randomBytes(4).toString('hex')
  const kept: FleetEvent[] = []
  const listeners = new Set<(event: FleetEvent) => void>()
  let number = 0

  const tell = (type: FleetEventType, deviceId: string | undefined, details: FleetEvent['details']): void => {
    number += 1
    const event = { id: `${run}-${number}`, type, at: now().toISOString(), deviceId: deviceId ?? null, details }
    kept.push(event)
    if (kept.length > most) kept.shift()
    for (const listener of listeners) listener(event)
  }
  const takers = {
    attached: ({ deviceId, ...details }) => tell('attached', deviceId, details),
    replaced: ({ deviceId, ...details }) => tell('replaced', deviceId, details),
    detached: ({ deviceId, end, ...details }) =>
      tell('detached', deviceId, { ...details, reason: end.reason, message: end.message }),
    refused: ({ deviceId, source, reason, message, hint }) =>
      tell('refused', deviceId, { source, reason, message, hint }),
    pending: ({ deviceId, ...details }) => tell('pending', deviceId, details),
    decided: ({ deviceId, ...details }) => tell('decided', deviceId, details),
  } satisfies { readonly [Type in FleetEventType]: Parameters<typeof emitter.on<Type>>[1] }
  emitter.on('attached', takers.attached)
  emitter.on('replaced', takers.replaced)
  emitter.on('detached', takers.detached)
  emitter.on('refused', takers.refused)
  emitter.on('pending', takers.pending)
  emitter.on('decided', takers.decided)

  return {
    since: (id) => {
      const [ofRun, text] = id.split('-')
      const last = Number(text)
      if (ofRun !== run || !Number.isSafeInteger(last)) return { events: [...kept], complete: false }
      const events = kept.slice(Math.max(0, kept.length - (number - last)))
      return { events, complete: number - last <= kept.length }
    },
    listen: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => {
      for (const type of FLEET_EVENT_TYPES) emitter.off(type, takers[type])
      listeners.clear()
    },
  }
}
