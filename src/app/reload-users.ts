import type { NamedUsersFile } from '../config/load.js'
import { formatProblem } from '../config/problem.js'
import type { UserConfig } from '../config/schema.js'
import type { Log } from '../telemetry/log.js'
import type { Bridge } from './bridge.js'
import type { ConfigRecord } from './config-record.js'
import { tellFailedReload } from './reload-config.js'

/**
 * Reads the users file again. One that cannot be used changes nothing: the bridge runs on with the users it has.
 * @returns the users from now on
 */
export async function reloadUsers(options: {
  readonly bridge: Pick<Bridge, 'configureUsers'>
  readonly usersFile: NamedUsersFile
  readonly current: readonly UserConfig[]
  readonly record: Pick<ConfigRecord, 'noteUsersRead' | 'noteFailure'>
  readonly log: Log
}): Promise<readonly UserConfig[]> {
  const { bridge, usersFile, current, record, log } = options
  const { path, load } = usersFile
  const loaded = load()
  if (!loaded.ok) {
    await tellFailedReload('users-file', loaded.problems, { record, log })
    log.error({ usersFile: path }, 'users file not reloaded: the bridge goes on with the users it has')
    return current
  }
  for (const { hint, ...warning } of loaded.warnings) log.warn({ hint }, formatProblem(warning))
  await bridge.configureUsers(loaded.users)
  record.noteUsersRead()
  const missingIn = (names: ReadonlySet<string>, users: readonly UserConfig[]): number =>
    users.filter(({ name }) => !names.has(name)).length
  log.info(
    {
      usersFile: path,
      users: loaded.users.length,
      added: missingIn(namesOf(current), loaded.users),
      removed: missingIn(namesOf(loaded.users), current),
    },
    'users file reloaded',
  )
  return loaded.users
}

function namesOf(users: readonly UserConfig[]): ReadonlySet<string> {
  return new Set(users.map(({ name }) => name))
}
