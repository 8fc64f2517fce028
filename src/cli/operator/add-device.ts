import type { AddedDevice } from '../../fleet/enrolment/enrolment.js'
import { askBridge } from './bridge-client.js'

/** Adds a device to the running bridge. `unreachable`: no bridge answered, so nothing was decided. */
export type AddDevice = (device: AddedDevice) => Promise<DeviceAdded>

export type DeviceAdded =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly cause: 'unreachable' | 'refused'
      readonly message: string
      readonly hint: string
    }

/** Milliseconds; a bridge stores one device in a few. */
const STALL_TIMEOUT = 10_000

/**
 * `POST /api/v1/devices` over the operator's socket. Never throws, and never repeats what it sent: the secret is in
 * it.
 */
export function addDeviceOver(socketPath: string, timeout = STALL_TIMEOUT): AddDevice {
  return async ({ deviceId: id, ...rest }) => {
    const asked = { method: 'POST', path: '/api/v1/devices', body: { id, ...rest }, timeout } as const
    const answer = await askBridge({ kind: 'socket', path: socketPath }, asked)
    if (answer.ok) return { ok: true }
    const { message, hint = 'look at the log of the bridge' } = answer.problem
    return { ok: false, cause: answer.text === undefined ? 'unreachable' : 'refused', message, hint }
  }
}
