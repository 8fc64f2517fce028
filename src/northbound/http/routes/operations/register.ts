import type { Api, HttpServices } from '../../api.js'
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
export function registerOperations(api: Api, services: HttpServices): void {
  registerRpc(api, services)
  registerManyDevicesRpc(api, services)
  registerGet(api, services)
  registerGetConfig(api, services)
  registerEditConfig(api, services)
  registerCopyConfig(api, services)
  registerDeleteConfig(api, services)
  registerValidate(api, services)
  registerCommit(api, services)
  registerDiscardChanges(api, services)
  registerLock(api, services)
  registerUnlock(api, services)
  registerKillNetconfSession(api, services)
  registerGetSchema(api, services)
  registerTransaction(api, services)
  registerOpenDeviceSession(api, services)
  registerGetDeviceSession(api, services)
  registerCloseDeviceSession(api, services)
}
