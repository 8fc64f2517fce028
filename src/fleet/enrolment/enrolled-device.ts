import { createHmac } from 'node:crypto'
import type { Enrolment, Pin } from '../../store/enrolment.js'
import type { KnownDevice } from '../../trust/known-device.js'
import { keyFingerprint } from '../../trust/ssh/key-fingerprint.js'
import type { EnrolmentOutline, EnrolmentView, Standing } from './enrolment.js'
import type { Device } from '../device.js'

/** A device of the configuration file, with what proves it. */
export interface ConfiguredDevice
  extends Omit<Device, 'aliases'>,
    Omit<KnownDevice, 'expected' | 'rejected' | 'pinnedByFile'> {}

/** A device of the configuration file, with what the store knows of it. */
export function withStored(device: ConfiguredDevice, enrolment: Enrolment | undefined): KnownDevice {
  const secret = device.secret ?? enrolment?.secret
  return {
    id: device.id,
    aliases: device.aliases,
    ...(secret === undefined ? {} : { secret }),
    // What the file binds a device to, it binds it to alone.
    pins: device.pins.length > 0 ? device.pins : pinsOf(enrolment, secret),
    pinnedByFile: device.pins.length > 0,
    expected: true,
    rejected: !isProven(device) && enrolment?.standing === 'rejected',
  }
}

/** A device that is in the store, but not in the configuration file. */
export function storedDevice(enrolment: Enrolment): KnownDevice {
  const { deviceId, secret, standing } = enrolment
  return {
    id: deviceId,
    aliases: [],
    ...(secret === undefined ? {} : { secret }),
    pins: pinsOf(enrolment, secret),
    expected: standing === 'approved',
    rejected: standing === 'rejected',
  }
}

/**
 * The rest of an enrolment after its entry was removed from the configuration file. It keeps that somebody rejected the
 * device, or that the device waits for a decision. An approval is lost with the entry, whoever gave it.
 */
export function withoutEntry(enrolment: Enrolment): Enrolment | undefined {
  if (enrolment.standing === 'approved') return undefined
  const { configured: _configured, ...rest } = enrolment
  return { ...rest, pins: [] }
}

/**
 * What is left of an enrolment whose device waited for a decision in vain: what an operator added by hand before it
 * ever called.
 */
export function withoutCall({ presented: _presented, ...enrolment }: Enrolment): Enrolment | undefined {
  return enrolment.decision?.how === 'onboarding' ? { ...enrolment, standing: 'approved' } : undefined
}

function pinsOf(enrolment: Enrolment | undefined, secret: string | undefined): KnownDevice['pins'] {
  return countingPins(enrolment, secret).map(({ type, blob }) => ({ type, blob, comment: '' }))
}

/** A pin that an HMAC vouched for belongs to the HMAC's secret. With another secret, or none, the pin is void. */
function countingPins(enrolment: Enrolment | undefined, secret: string | undefined): readonly Pin[] {
  return (enrolment?.pins ?? []).filter(({ blob, secretMark }) => {
    if (secretMark === undefined) return true
    if (secret === undefined) return false
    return secretMark.length === 0 || secretMark.equals(secretMarkOf(secret, blob))
  })
}

/**
 * Tells by which secret a key was vouched for, and gives nothing of the secret away that its HMAC on the wire does not.
 */
export function secretMarkOf(secret: string, blob: Buffer): Buffer {
  return createHmac('sha256', secret).update(blob).digest()
}

/** Whether nothing is stored of a device but when and where it was seen, or refused. */
export function isSighting({ standing, pins, decision, presented, secret }: Enrolment): boolean {
  const decided = decision !== undefined || presented !== undefined || secret !== undefined
  return standing === 'approved' && pins.length === 0 && !decided
}

/** Whether the configuration file itself says what proves a device. */
export function isProven(device: ConfiguredDevice | undefined): boolean {
  return device !== undefined && (device.secret !== undefined || device.pins.length > 0)
}

/** The standing of a device id, from its place in the configuration file and what the store holds. */
export function standingOf(
  device: ConfiguredDevice | undefined,
  stored: Pick<Enrolment, 'standing' | 'decision'> | undefined,
): Standing {
  if (device === undefined) return stored?.standing ?? 'pending'
  // That something was seen of a device of the file is nobody's decision on it.
  const decided = stored !== undefined && (stored.standing !== 'approved' || stored.decision !== undefined)
  return isProven(device) || !decided ? 'configured' : stored.standing
}

/** What is known of a device id, as it may be shown: nothing secret is in it. */
export function viewOf(
  deviceId: string,
  device: ConfiguredDevice | undefined,
  enrolment: Enrolment | undefined,
): EnrolmentView {
  const { presented, decision } = enrolment ?? {}
  const pins = countingPins(enrolment, device?.secret ?? enrolment?.secret)
  return {
    ...outlineOf(deviceId, device, enrolment),
    pins: [
      ...(device?.pins ?? []).map(({ blob }) => ({ ...keyFingerprint(blob), by: 'configuration' })),
      ...(device?.pins.length ? [] : pins.map(({ blob, addedAt, by }) => ({ ...keyFingerprint(blob), addedAt, by }))),
    ],
    ...(presented === undefined ? {} : { presented: keyFingerprint(presented.blob) }),
    ...(decision === undefined ? {} : { decision }),
    hasSecret: device?.secret !== undefined || enrolment?.secret !== undefined,
    ...(enrolment?.vendor === undefined ? {} : { vendor: enrolment.vendor }),
  }
}

/** What a device id is chosen and sorted by. */
export function outlineOf(
  deviceId: string,
  device: ConfiguredDevice | undefined,
  enrolment: Enrolment | undefined,
): EnrolmentOutline {
  const { firstSeen, lastSeen, lastRefusal, addresses = [] } = enrolment ?? {}
  return {
    deviceId,
    standing: standingOf(device, enrolment),
    labels: device?.labels ?? enrolment?.labels ?? {},
    ...(firstSeen === undefined ? {} : { firstSeen }),
    ...(lastSeen === undefined ? {} : { lastSeen }),
    ...(lastRefusal === undefined ? {} : { lastRefusal }),
    addresses,
  }
}
