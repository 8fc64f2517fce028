import { sessionRefusal } from '../../fleet/refusals/sessions.js'

/** Where a client's connection came in: at the shared entry point of all devices, or at that of one device. */
export type EntryPoint =
  | { readonly kind: 'shared' }
  | {
      readonly kind: 'device'
      readonly deviceId: string
      /** A port of its own, an address of its own, or by way of the bridge as a jump host. */
      readonly by: 'port' | 'address' | 'jump'
    }

/** What a client asked for, by its entry point or by its login name, such as `ops@router1`. */
export type Target =
  | { readonly kind: 'device'; readonly deviceId: string }
  /** A plain login name at the shared entry point. The client can only use the bridge as a jump host. */
  | { readonly kind: 'none' }
  /** The client came in at one device's entry point, but its login name names another device. */
  | {
      readonly kind: 'contradiction'
      readonly entryPoint: Extract<EntryPoint, { kind: 'device' }>
      readonly asked: string
    }

/** The target of a login. `asked` is the device that the login name names, if any. */
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
 * Why a client gets no session for its target.
 * @param seesEntryPoint whether the client has rights on the device of the entry point: only then the refusal names
 * that device
 */
export function refusalOfTarget(target: Exclude<Target, { kind: 'device' }>, seesEntryPoint: boolean) {
  if (target.kind === 'none') return sessionRefusal('no-device')
  const { entryPoint, asked } = target
  const here = entryPoint.by === 'jump' ? 'what was dialled through the bridge' : `this ${entryPoint.by}`
  const whose = seesEntryPoint ? `device ${JSON.stringify(entryPoint.deviceId)}` : 'another device'
  return sessionRefusal('another-device', here, whose, asked)
}
