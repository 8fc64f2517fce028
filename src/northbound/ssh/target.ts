import type { SessionRefusalText } from '../authorise.js'

/** Where a client's connection came in: where every device is reached, or where one alone is. */
export type EntryPoint =
  | { readonly kind: 'shared' }
  | {
      readonly kind: 'device'
      readonly deviceId: string
      /** A port of its own, an address of its own, or by way of the bridge as a jump host. */
      readonly by: 'port' | 'address' | 'jump'
    }

/** What a client asked for: by the door that it came in, or by its login name. */
export type Target =
  | { readonly kind: 'device'; readonly deviceId: string }
  /** A plain login name at the shared door: only to jump on from here. */
  | { readonly kind: 'none' }
  /** The door is one device's, the login name says another. */
  | {
      readonly kind: 'contradiction'
      readonly entryPoint: Extract<EntryPoint, { kind: 'device' }>
      readonly asked: string
    }

/** The device that a login asks for, where its name says one (`asked`) or does not. */
export function targetOf(entryPoint: EntryPoint, asked: string | undefined, ownDevice: string | undefined): Target {
  if (entryPoint.kind === 'shared') {
    const deviceId = asked ?? ownDevice
    return deviceId === undefined ? { kind: 'none' } : { kind: 'device', deviceId }
  }
  if (asked !== undefined && asked.toLowerCase() !== entryPoint.deviceId.toLowerCase())
    return { kind: 'contradiction', entryPoint, asked }
  return { kind: 'device', deviceId: entryPoint.deviceId }
}

/**
 * Why there is no session for what was asked for.
 * @param seesEntryPoint whether the client has rights on the device of the door: nobody else is told which one that is
 */
export function refusalOfTarget(
  target: Exclude<Target, { kind: 'device' }>,
  seesEntryPoint: boolean,
): SessionRefusalText {
  if (target.kind === 'none')
    return {
      reason: 'no-device',
      message: 'the login name names no device',
      hint: 'log in as user@device-id, or dial the device’s own port or address, or `ssh -J BRIDGE DEVICE-ID -s netconf`',
    }
  const { entryPoint, asked } = target
  const here = entryPoint.by === 'jump' ? 'what was dialled through the bridge' : `this ${entryPoint.by}`
  const whose = seesEntryPoint ? `device ${JSON.stringify(entryPoint.deviceId)}` : 'another device'
  return {
    reason: 'another-device',
    message: `${here} is that of ${whose}, but the login name asks for ${JSON.stringify(asked)}`,
    hint: 'log in with the plain user name here, or as user@device-id where all devices are reached',
  }
}
