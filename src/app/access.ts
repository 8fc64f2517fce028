import { createPasswordAuthentication } from '../access/authn/authenticate-password.js'
import { createLiveRights, type LiveRights } from '../access/authz/live-rights.js'
import { createLoginLimiter, type LoginLimiter } from '../access/authn/login-limits.js'
import { createPasswordCheck, type PasswordCheck } from '../access/authn/password-check.js'
import { createLoginLog } from '../northbound/login-log.js'
import type { Access } from '../northbound/ssh/server.js'
import type { Log } from '../telemetry/log.js'
import type { ClientMetrics } from '../telemetry/metrics.js'
import type { LoginSettings, Settings } from './settings.js'

/** Who may log in and do what, by the newest settings. */
export interface ConfiguredAccess extends Access {
  readonly limiter: LoginLimiter
  readonly live: LiveRights
  /** Applies the limits of new settings; what was counted stays. */
  configure(settings: LoginSettings): void
}

export function createAccess(settings: () => Settings, log: Log, metrics: ClientMetrics): ConfiguredAccess {
  const { logins } = settings()
  const find: Access['find'] = (name) => settings().users.get(name)
  const loginLog = createLoginLog(log, () => settings().logins, metrics)
  const limiter = createLoginLimiter(logins, { began: loginLog.blockBegan, ended: loginLog.blockEnded })
  let checkPassword = passwordCheckFor(logins)
  return {
    find,
    roles: () => settings().roles,
    certificates: () => settings().userCertificates,
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
        const { window: rememberWrong, ...current } = settings().logins
        return { ...current, rememberWrong, isRole: (name) => settings().roles.has(name) }
      },
    }),
    configure: (next) => {
      limiter.configure(next)
      checkPassword = passwordCheckFor(next)
    },
  }
}

function passwordCheckFor({ checksAtOnce, maxQueuedChecks }: LoginSettings): PasswordCheck {
  return createPasswordCheck({ atOnce: checksAtOnce, waiting: maxQueuedChecks })
}
