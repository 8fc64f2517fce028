import { NOTIFICATION_NS } from './xml/namespaces.js'
import { childText, element, elementsOf, isNamed, type XmlElement } from './xml/xml-tree.js'

/** An event that a server tells a subscriber (RFC 5277 §4). */
export interface Notification {
  /** RFC 3339, as the server wrote it. */
  readonly eventTime: string
  readonly event: XmlElement
}

/** A `<notification>` to send. */
export function buildNotification(notification: Notification): XmlElement {
  return element(NOTIFICATION_NS, 'notification', [
    element(NOTIFICATION_NS, 'eventTime', notification.eventTime),
    notification.event,
  ])
}

/** Reads a `<notification>`; undefined where the element is something else or carries no event. */
export function notificationOf(root: XmlElement): Notification | undefined {
  if (!isNotification(root)) return undefined
  const eventTime = childText(root, NOTIFICATION_NS, 'eventTime')
  const event = elementsOf(root).find((child) => !isNamed(child, NOTIFICATION_NS, 'eventTime'))
  return eventTime === undefined || event === undefined ? undefined : { eventTime, event }
}

/** Whether a root element is a `<notification>`. */
export function isNotification(root: XmlElement): boolean {
  return isNamed(root, NOTIFICATION_NS, 'notification')
}
