import type { Enrolment } from '../store/enrolment.js'
import type { KnownDevice } from '../trust/known-device.js'
import { shownKey } from '../trust/shown-key.js'
import type { EnrolmentView, Standing } from './enrolment.js'
import type { Device } from './fleet.js'

/** A device of the configuration file, with what proves it. */
export interface ConfiguredDevice extends Omit<Device, 'aliases'>, Omit<KnownDevice, 'rejected'> {}

/** A device of the configuration file, with what the store knows of it. */
export function withStored(device: ConfiguredDevice, enrolment: Enrolment | undefined): KnownDevice {
  const secret = device.secret ?? enrolment?.secret
  return {
    id: device.id,
    aliases: device.aliases,
    ...(secret === undefined ? {} : { secret }),
    // What the file binds a device to, it binds it to alone.
    pins: device.pins.length > 0 ? device.pins : pinsOf(enrolment),
    rejected: !isProven(device) && enrolment?.standing === 'rejected',
  }
}

/** A device that only the store knows. */
export function storedDevice(enrolment: Enrolment): KnownDevice {
  const { deviceId, secret, standing } = enrolment
  return {
    id: deviceId,
    aliases: [],
    ...(secret === undefined ? {} : { secret }),
    pins: pinsOf(enrolment),
    rejected: standing === 'rejected',
  }
}

function pinsOf(enrolment: Enrolment | undefined): KnownDevice['pins'] {
  return (enrolment?.pins ?? []).map(({ type, blob }) => ({ type, blob, comment: '' }))
}

/** Whether the configuration file itself says what proves a device. */
export function isProven(device: ConfiguredDevice | undefined): boolean {
  return device !== undefined && (device.secret !== undefined || device.pins.length > 0)
}

/** The standing of a device id, from its place in the configuration file and what the store holds. */
export function standingOf(device: ConfiguredDevice | undefined, stored: Enrolment['standing'] | undefined): Standing {
  const configured = device !== undefined && (isProven(device) || stored === undefined)
  return configured ? 'configured' : (stored ?? 'pending')
}

/** What is known of a device id, as it may be shown: nothing secret is in it. */
export function viewOf(
  deviceId: string,
  device: ConfiguredDevice | undefined,
  enrolment: Enrolment | undefined,
): EnrolmentView {
  const { standing, pins = [], presented, decision, firstSeen, lastSeen, lastRefusal, addresses = [] } = enrolment ?? {}
  return {
    deviceId,
    standing: standingOf(device, standing),
    pins: [
      ...(device?.pins ?? []).map(({ blob }) => ({ ...shownKey(blob), by: 'configuration' })),
      ...(device?.pins.length ? [] : pins.map(({ blob, addedAt, by }) => ({ ...shownKey(blob), addedAt, by }))),
    ],
    ...(presented === undefined ? {} : { presented: shownKey(presented.blob) }),
    ...(decision === undefined ? {} : { decision }),
    ...(firstSeen === undefined ? {} : { firstSeen }),
    ...(lastSeen === undefined ? {} : { lastSeen }),
    ...(lastRefusal === undefined ? {} : { lastRefusal }),
    addresses,
    hasSecret: device?.secret !== undefined || enrolment?.secret !== undefined,
  }
}
