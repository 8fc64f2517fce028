import type { FleetEventFeed, FleetEvents } from '../../../src/fleet/events.js'

/** The next event of this name, in a list as `once` of node:events gives it. */
export function nextEvent<Type extends keyof FleetEvents>(
  feed: FleetEventFeed,
  type: Type,
): Promise<readonly [FleetEvents[Type]]> {
  return new Promise((resolve) => {
    const stop = feed.subscribe({
      [type]: (event: FleetEvents[Type]) => {
        stop()
        resolve([event])
      },
    })
  })
}
