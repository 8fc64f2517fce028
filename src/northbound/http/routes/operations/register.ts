import type { Api, Ports } from '../../api.js'
import { registerCloseDeviceSession } from '../device-sessions/close.js'
import { registerGetDeviceSession } from '../device-sessions/get.js'
import { registerOpenDeviceSession } from '../device-sessions/open.js'
import { registerCommit } from './commit.js'
import { registerCopyConfig } from './copy-config.js'
import { registerDeleteConfig } from './delete-config.js'
import { registerDiscardChanges } from './discard-changes.js'
import { registerEditConfig } from './edit-config.js'
import { registerGetConfig } from './get-config.js'
import { registerGetSchema } from './get-schema.js'
import { registerGet } from './get.js'
import { registerKillNetconfSession } from './kill-session.js'
import { registerLock } from './lock.js'
import { registerManyDevicesRpc } from './many-devices.js'
import { registerRpc } from './rpc.js'
import { registerTransaction } from './transaction.js'
import { registerUnlock } from './unlock.js'
import { registerValidate } from './validate.js'

/** RPCs on devices: by themselves, in transactions, and on sessions that their clients open. */
export function registerOperations(api: Api, ports: Ports): void {
  registerRpc(api, ports)
  registerManyDevicesRpc(api, ports)
  registerGet(api, ports)
  registerGetConfig(api, ports)
  registerEditConfig(api, ports)
  registerCopyConfig(api, ports)
  registerDeleteConfig(api, ports)
  registerValidate(api, ports)
  registerCommit(api, ports)
  registerDiscardChanges(api, ports)
  registerLock(api, ports)
  registerUnlock(api, ports)
  registerKillNetconfSession(api, ports)
  registerGetSchema(api, ports)
  registerTransaction(api, ports)
  registerOpenDeviceSession(api, ports)
  registerGetDeviceSession(api, ports)
  registerCloseDeviceSession(api, ports)
}
