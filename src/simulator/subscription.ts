import { NETMOD_NOTIFICATION_NS } from '../netconf/xml/namespaces.js'
import { buildNotification } from '../netconf/notification.js'
import { element, type XmlElement } from '../netconf/xml/xml-tree.js'
import type { Clock } from './clock.js'
import type { EventLog } from './event-log.js'
import type { SessionSubscription } from './server-call.js'
import { selectSubtrees } from './subtree-filter.js'

/** A session's subscription, with the means to end it. */
export interface ServerSubscription extends SessionSubscription {
  readonly end: () => void
}

/** A session that is not subscribed yet; `deliver` gets each `<notification>` to send. */
export function createSubscription(
  clock: Clock,
  events: EventLog,
  deliver: (notification: XmlElement) => void,
): ServerSubscription {
  let active = false
  let unsubscribe: (() => void) | undefined
  let cancelStop: (() => void) | undefined

  const end = (): void => {
    active = false
    unsubscribe?.()
    cancelStop?.()
  }

  const tell = (at: number, event: XmlElement): void => {
    deliver(buildNotification({ eventTime: new Date(at).toISOString(), event }))
  }

  return {
    active: () => active,
    end,
    begin: ({ filter, startTime, stopTime }) => {
      const passes = (event: XmlElement): boolean => filter === undefined || selectSubtrees([event], filter).length > 0
      const complete = (): void => {
        tell(clock.now(), element(NETMOD_NOTIFICATION_NS, 'notificationComplete'))
        end()
      }
      active = true
      if (startTime !== undefined) {
        for (const logged of events.since(startTime)) {
          if (passes(logged.event) && (stopTime === undefined || logged.at <= stopTime)) tell(logged.at, logged.event)
        }
        tell(clock.now(), element(NETMOD_NOTIFICATION_NS, 'replayComplete'))
      }
      if (stopTime !== undefined && stopTime <= clock.now()) {
        complete()
        return
      }
      unsubscribe = events.subscribe((logged) => {
        if (passes(logged.event)) tell(logged.at, logged.event)
      })
      if (stopTime !== undefined) cancelStop = clock.after(stopTime - clock.now(), complete)
    },
  }
}
