import type { FleetEmitter } from '../../../src/fleet/fleet-emitter.js'
import type { FleetListeners } from '../../../src/fleet/events.js'

/** A feed of what a test says that happened; told before `emit` returns, so that the test need not wait for it. */
export function makeFeed(): FleetEmitter {
  const subscribers = new Set<FleetListeners>()
  return {
    emit: (type, event) => {
      for (const listeners of subscribers) listeners[type]?.(event)
    },
    subscribe: (listeners) => {
      subscribers.add(listeners)
      return () => subscribers.delete(listeners)
    },
  }
}
