import { selectionOf } from '../../../../access/authz/device-selection.js'
import type { DeviceStatus } from '../../../../fleet/device-status.js'
import type { EnrolmentOutline, Standing } from '../../../../fleet/enrolment/enrolment.js'
import {
  lastSeenOf,
  LINK_STATES,
  type LinkStanding,
  linkStandingOf,
  type LinkState,
} from '../../../../fleet/link-state.js'

export const DEVICE_ORDERS = ['id', 'standing', 'link', 'last-seen'] as const
export type DeviceOrder = (typeof DEVICE_ORDERS)[number]

/** Which devices are wanted: those that fulfil all that is given. */
export interface DeviceFilter {
  readonly standings?: readonly Standing[]
  readonly links?: readonly LinkState[]
  /** `name=value`, or `name` alone where any value will do; a device has all of them. */
  readonly labels?: readonly string[]
  /** As in roles; one of them selects the device. */
  readonly selectors?: readonly string[]
  /** A part of the id, of a label or of an address, without regard to case. */
  readonly text?: string
}

/** A device, as far as it takes to choose and sort it. */
export interface DeviceOutline {
  readonly id: string
  readonly standing: Standing
  readonly labels: Readonly<Record<string, string>>
  readonly link: LinkStanding
  readonly lastSeen: Date | undefined
  readonly addresses: readonly string[]
}

/** A device from its place in the fleet and its enrolment, of which one may be missing. */
export function outlineDevice(
  id: string,
  status: DeviceStatus | undefined,
  enrolment: EnrolmentOutline | undefined,
): DeviceOutline {
  return {
    id,
    // Without an enrolment, only the configuration can have brought a device into the fleet.
    standing: enrolment?.standing ?? 'configured',
    labels: status?.labels ?? enrolment?.labels ?? {},
    link: linkStandingOf({ status, enrolment }),
    lastSeen: lastSeenOf({ status, enrolment }),
    addresses: enrolment?.addresses ?? [],
  }
}

/** Whether a device is wanted. */
export function deviceFilter({
  standings,
  links,
  labels,
  selectors,
  text,
}: DeviceFilter): (of: DeviceOutline) => boolean {
  const isSelected = selectors === undefined ? undefined : selectionOf(selectors)
  const wanted = text?.toLowerCase()
  return (device) =>
    standings?.includes(device.standing) !== false &&
    links?.includes(device.link.state) !== false &&
    labels?.every((label) => hasLabel(device, label)) !== false &&
    isSelected?.(device) !== false &&
    (wanted === undefined || textsOf(device).some((found) => found.toLowerCase().includes(wanted)))
}

function hasLabel({ labels }: DeviceOutline, wanted: string): boolean {
  const equals = wanted.indexOf('=')
  if (equals === -1) return Object.hasOwn(labels, wanted)
  const name = wanted.slice(0, equals)
  return Object.hasOwn(labels, name) && labels[name] === wanted.slice(equals + 1)
}

function textsOf({ id, labels, addresses }: DeviceOutline): readonly string[] {
  return [id, ...Object.entries(labels).map(([name, value]) => `${name}=${value}`), ...addresses]
}

/** Where a device stands in an order: by the key, and where two have the same by their ids. */
export interface Place {
  readonly key: string
  readonly id: string
}

/** The place of a device in an order. Keys of one order compare as texts. */
export function placeIn(order: DeviceOrder, { id, standing, link, lastSeen }: DeviceOutline): Place {
  const keys: Readonly<Record<DeviceOrder, () => string>> = {
    id: () => '',
    standing: () => standing,
    link: () => `${LINK_STATES.indexOf(link.state)} ${link.since?.toISOString() ?? ''}`,
    'last-seen': () => lastSeen?.toISOString() ?? '',
  }
  return { key: keys[order](), id }
}

/** Negative where one comes before the other. */
export function comparePlaces(one: Place, other: Place): number {
  if (one.key !== other.key) return one.key < other.key ? -1 : 1
  if (one.id === other.id) return 0
  return one.id < other.id ? -1 : 1
}
