import type { RunningBridge } from './bridge.js'
import { operate } from './homeport-command.js'

/** Where a device is reached by itself, as `homeport devices list --json` tells. */
export type DevicePlace = { readonly port: number | null; readonly address: string | null }

/** The own endpoints of all devices, by id. */
export async function devicePlaces(bridge: RunningBridge): Promise<ReadonlyMap<string, DevicePlace | null>> {
  const { stdout, stderr, status } = await operate(bridge, 'devices', 'list', '--json')
  if (status !== 0) throw new Error(stderr)
  const { devices } = JSON.parse(stdout) as {
    readonly devices: readonly { readonly id: string; readonly endpoint: DevicePlace | null }[]
  }
  return new Map(devices.map(({ id, endpoint }) => [id, endpoint]))
}
