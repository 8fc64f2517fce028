import { reportFault } from '../lib/background.js'
import type { FleetEventFeed, FleetEvents, FleetListeners } from './events.js'

/** The feed of what happens on this node. */
export interface FleetEmitter extends FleetEventFeed {
  /** Tells whoever listens now, once the caller has returned. */
  readonly emit: <Type extends keyof FleetEvents>(type: Type, event: FleetEvents[Type]) => void
}

/** An event that waits to be told, with those who listened when it happened. */
interface Waiting {
  readonly subscribers: readonly FleetListeners[]
  readonly tell: (listeners: FleetListeners) => void
}

export function createFleetEmitter(): FleetEmitter {
  // Replaced and never changed, so that an event that waits keeps those who listened when it happened.
  let subscribers: readonly FleetListeners[] = []
  let waiting: Waiting[] = []

  const tellAll = (): void => {
    const due = waiting
    waiting = []
    for (const { subscribers: heardBy, tell } of due)
      for (const listeners of heardBy) if (subscribers.includes(listeners)) tryTo(() => tell(listeners))
  }

  return {
    emit: (type, event) => {
      if (subscribers.length === 0) return
      waiting.push({ subscribers, tell: (listeners) => listeners[type]?.(event) })
      if (waiting.length === 1) queueMicrotask(tellAll)
    },
    subscribe: (given) => {
      // A copy, because the same listeners may subscribe twice.
      const listeners = { ...given }
      subscribers = [...subscribers, listeners]
      return () => {
        subscribers = subscribers.filter((each) => each !== listeners)
      }
    },
  }
}

/** A listener that throws keeps no other one from hearing. */
function tryTo(tell: () => void): void {
  try {
    tell()
  } catch (error) {
    reportFault('fleet', error)
  }
}
