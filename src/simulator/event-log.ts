import type { XmlElement } from '../netconf/xml/xml-tree.js'
import type { Clock } from './clock.js'

/** Something that happened on the device, kept for replay (RFC 5277 §3.3). */
export interface LoggedEvent {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly event: XmlElement
}

/** The stream NETCONF: a bounded memory of events, and whoever listens now. */
export interface EventLog {
  readonly emit: (event: XmlElement) => void
  /** Events since `from`, oldest first, as far back as the log goes. */
  readonly since: (from: number) => readonly LoggedEvent[]
  /** Hears every event from now on; the answer ends it. */
  readonly subscribe: (listener: (logged: LoggedEvent) => void) => () => void
  /** When the oldest event that is still known happened. */
  readonly startedAt: () => number
}

/** @param size how many events are remembered */
export function createEventLog(clock: Clock, size: number): EventLog {
  const startedAt = clock.now()
  const listeners = new Set<(logged: LoggedEvent) => void>()
  let events: readonly LoggedEvent[] = []
  return {
    emit: (event) => {
      const logged: LoggedEvent = { at: clock.now(), event }
      events = [...events, logged].slice(-size)
      for (const listener of listeners) listener(logged)
    },
    since: (from) => events.filter((logged) => logged.at >= from),
    subscribe: (listener) => {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    startedAt: () => (events.length < size ? startedAt : (events[0]?.at ?? startedAt)),
  }
}
