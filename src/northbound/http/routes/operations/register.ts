import { OPERATIONS } from '../../../../operations/register.js'
import type { Api, HttpServices } from '../../api.js'
import { registerCloseDeviceSession } from '../device-sessions/close.js'
import { registerGetDeviceSession } from '../device-sessions/get.js'
import { registerOpenDeviceSession } from '../device-sessions/open.js'
import { registerManyDevicesRpc } from './many-devices.js'
import { registerOperation } from './operation-route.js'
import { registerRpc } from './rpc.js'
import { registerTransaction } from './transaction.js'

/** RPCs on devices: by themselves, in transactions, and on sessions that their clients open. */
export function registerOperations(api: Api, services: HttpServices): void {
  registerRpc(api, services)
  registerManyDevicesRpc(api, services)
  for (const operation of OPERATIONS) registerOperation(api, services, operation)
  registerTransaction(api, services)
  registerOpenDeviceSession(api, services)
  registerGetDeviceSession(api, services)
  registerCloseDeviceSession(api, services)
}
