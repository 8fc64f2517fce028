import type { Login } from '../parts/clients.js'
import type { RunningBridge } from './bridge.js'
import { ops } from './users.js'

/** How a client reaches a device on a bridge: the login name carries the device id. */
export function clientLogin(
  bridge: RunningBridge,
  deviceId: string,
  { user = ops.name, password = ops.password }: { readonly user?: string; readonly password?: string } = {},
): Login {
  return { host: bridge.host, port: bridge.endpointPort, user: `${user}@${deviceId}`, password }
}
