import { createPasswordAuthentication } from '../access/authn/authenticate-password.js'
import { createLiveRights, type LiveRights } from '../access/authz/live-rights.js'
import { createLoginLimiter, type LoginLimiter } from '../access/authn/login-limits.js'
import { createPasswordCheck, type PasswordCheck } from '../access/authn/password-check.js'
import { createLoginLog } from '../northbound/login-log.js'
import type { Access } from '../northbound/ssh/client-connection.js'
import type { Log } from '../telemetry/log.js'
import type { ClientMetrics } from '../telemetry/metrics.js'
import type { LiveSettings, LoginSettings } from './settings.js'

/** Who may log in and do what, by the newest settings. */
export interface ConfiguredAccess extends Access {
  readonly limiter: LoginLimiter
  readonly live: LiveRights
}

export function createAccess(settings: LiveSettings, log: Log, metrics: ClientMetrics): ConfiguredAccess {
  const { logins } = settings.current
  const find: Access['find'] = (name) => settings.current.users.get(name)
  const loginLog = createLoginLog(log, () => settings.current.logins, metrics)
  const limiter = createLoginLimiter(logins, { began: loginLog.blockBegan, ended: loginLog.blockEnded })
  let checkPassword = passwordCheckFor(logins)
  // What was counted stays.
  settings.onChange(
    ({ logins }) => logins,
    (next) => {
      limiter.configure(next)
      checkPassword = passwordCheckFor(next)
    },
  )
  return {
    find,
    roles: () => settings.current.roles,
    certificates: () => settings.current.userCertificates,
    loginLog,
    limiter,
    live: createLiveRights((error) =>
      log.error({ err: error }, 'a right was not asked for anew: a fault of the bridge'),
    ),
    authenticatePassword: createPasswordAuthentication({
      find,
      checkPassword: (user, password) => checkPassword(user, password),
      limiter,
      settings: () => {
        const { window: rememberWrong, ...current } = settings.current.logins
        return { ...current, rememberWrong, isRole: (name) => settings.current.roles.has(name) }
      },
    }),
  }
}

function passwordCheckFor({ checksAtOnce, maxQueuedChecks }: LoginSettings): PasswordCheck {
  return createPasswordCheck({ atOnce: checksAtOnce, waiting: maxQueuedChecks })
}
