import { sessionRefusal } from '../../fleet/refusals/sessions.js'

/** Where a client's connection came in: where every device is reached, or where one alone is. */
export type EntryPoint =
  | { readonly kind: 'shared' }
  | {
      readonly kind: 'device'
      readonly deviceId: string
      /** A port of its own, an address of its own, or by way of the bridge as a jump host. */
      readonly by: 'port' | 'address' | 'jump'
    }

/** What a client asked for: by the entry point that it came in by, or by its login name. */
export type Target =
  | { readonly kind: 'device'; readonly deviceId: string }
  /** A plain login name at the shared entry point: only to jump on from here. */
  | { readonly kind: 'none' }
  /** The entry point is one device's, the login name says another. */
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
 * @param seesEntryPoint whether the client has rights on the device of the entry point: nobody else is told which one
 * that is
 */
export function refusalOfTarget(target: Exclude<Target, { kind: 'device' }>, seesEntryPoint: boolean) {
  if (target.kind === 'none') return sessionRefusal('no-device')
  const { entryPoint, asked } = target
  const here = entryPoint.by === 'jump' ? 'what was dialled through the bridge' : `this ${entryPoint.by}`
  const whose = seesEntryPoint ? `device ${JSON.stringify(entryPoint.deviceId)}` : 'another device'
  return sessionRefusal('another-device', here, whose, asked)
}
