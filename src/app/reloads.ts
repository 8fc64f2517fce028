import type { LoadedConfig } from '../config/load.js'
import { oneAfterAnother } from '../lib/background.js'
import { type WatchedFiles, watchFiles } from '../lib/watch-files.js'
import type { Log } from '../telemetry/log.js'
import type { Bridge } from './bridge.js'
import type { ConfigRecord } from './config-record.js'
import { reloadConfig, type UsableConfig } from './reload-config.js'
import { reloadUsers } from './reload-users.js'
import type { ServiceManager } from './service-manager.js'

/**
 * Has a running bridge follow its configuration file, when it is told to, and its users file, whenever that changes.
 */
export interface Reloads {
  /** The bridge runs. What has changed while it started is read now. */
  readonly follow: (bridge: Bridge) => void
  /** Reads the configuration again. */
  readonly reload: () => void
  readonly close: () => void
}

/** Watches the users file from now on, so that no change of it is missed after it was read. */
export function createReloads(options: {
  readonly loaded: UsableConfig
  readonly load: () => LoadedConfig
  readonly record: Omit<ConfigRecord, 'file' | 'facts'>
  readonly manager: Pick<ServiceManager, 'reloading' | 'reloaded'>
  readonly log: Log
}): Reloads {
  const { load, record, manager, log } = options
  // So that a slow reload never overwrites a newer one.
  const inTurn = oneAfterAnother('command')
  let bridge: Bridge | undefined
  let { usersFile } = options.loaded
  let { users } = options.loaded.config
  let watched: WatchedFiles | undefined
  let usersMissed = false

  const followUsers = async (): Promise<void> => {
    usersMissed = bridge === undefined
    if (bridge === undefined || usersFile === undefined) return
    users = await reloadUsers({ bridge, usersFile, current: users, record, log })
  }
  const watchUsers = (): void => {
    watched?.close()
    watched = usersFile && watchFiles([usersFile.path], () => inTurn(followUsers))
  }
  const followConfig = async (): Promise<void> => {
    if (bridge === undefined) return
    manager.reloading()
    const next = await reloadConfig({ bridge, load, record, log })
    if (next !== undefined) {
      usersFile = next.usersFile
      users = next.config.users
      watchUsers()
    }
    manager.reloaded(next === undefined ? 'configuration not reloaded, see the log' : '')
  }
  watchUsers()
  return {
    follow: (started) => {
      bridge = started
      if (usersMissed) inTurn(followUsers)
    },
    reload: () => inTurn(followConfig),
    close: () => watched?.close(),
  }
}
