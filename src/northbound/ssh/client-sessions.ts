import type { Connection } from 'ssh2'
import type { LiveRights } from '../../access/authz/live-rights.js'
import type { AuditLog } from '../../audit/audit-log.js'
import type { Enrolments } from '../../fleet/enrolment/enrolment.js'
import type { Fleet } from '../../fleet/fleet.js'
import { sessionRefusal } from '../../fleet/refusals/sessions.js'
import { sourceOf } from '../../net/source.js'
import type { AgreedKeyExchange } from '../../ssh/post-quantum.js'
import { keyExchangeOf, socketOf } from '../../ssh/ssh2/connections.js'
import type { Log } from '../../telemetry/log.js'
import type { ClientMetrics } from '../../telemetry/metrics.js'
import type { CurrentTracer } from '../../telemetry/traces.js'
import { type Accounts, accountsOverSsh, type Authorisation, authorise, permissionsOf } from '../authorise.js'
import { seesBy, tellUndecided } from '../undecided.js'
import type { Authenticated } from './authentication.js'
import type { RequestGuardLimits } from './guard/request-guard.js'
import type { GuardContext } from './guard/session-guard.js'
import type { RefusalLines } from './refusal-lines.js'
import type { RefusalsInNetconf } from './refusals-in-netconf.js'
import type { Serving } from './serving.js'
import { serveSession, type SessionContext } from './session.js'
import { refusalOfTarget } from './target.js'

/** Bounds on the sessions of one connection. */
export interface SessionLimits extends RequestGuardLimits {
  readonly maxSessionsPerConnection: number
  /** Whether a client on a NETCONF channel is told in NETCONF, too, why it gets no session. */
  readonly refusalsInNetconf: boolean
}

/** What the sessions of all clients are served with. */
export interface SessionServices extends Pick<GuardContext, 'held' | 'known'> {
  readonly fleet: Fleet
  readonly enrolments: Pick<Enrolments, 'get'>
  readonly access: Accounts & { readonly live: LiveRights }
  readonly auditLog: AuditLog
  readonly serving: Serving
  readonly refusalLines: RefusalLines
  readonly refusalsInNetconf: RefusalsInNetconf
  readonly metrics: ClientMetrics
  readonly tracer: CurrentTracer
}

/** Serves each session that a client opens on its connection, as many at a time as it may have. */
export function serveSessions(
  connection: Connection,
  { authenticated, limits }: { readonly authenticated: Authenticated; readonly limits: SessionLimits },
  services: SessionServices & { readonly log: Log },
): void {
  const { serving, refusalLines, metrics, log } = services
  const { user } = authenticated.login
  const source = sourceOf(socketOf(connection))
  const keyExchange = (): AgreedKeyExchange | undefined => keyExchangeOf(connection)
  const context = sessionContext(authenticated, { source, keyExchange, limits }, services)
  let sessions = 0
  connection.on('session', (accept, reject) => {
    if (sessions >= limits.maxSessionsPerConnection) {
      const refusal = sessionRefusal('too-many-sessions')
      refusalLines(log, { ...refusal, what: 'session refused', user, fields: { sessions } })
      metrics.sessionRefused(refusal.reason)
      reject()
      return
    }
    sessions += 1
    const served = serving.begin()
    serveSession({ connection, session: accept() }, context, () => {
      sessions -= 1
      served()
    })
  })
}

/** Whom the sessions of a connection are for. What the user may do is asked anew for each of them. */
function sessionContext(
  { login, method, account, ended, until, restriction }: Authenticated,
  {
    source,
    keyExchange,
    limits,
  }: Pick<SessionContext, 'keyExchange'> & {
    readonly source: string
    readonly limits: SessionLimits
  },
  services: SessionServices & { readonly log: Log },
): SessionContext {
  const { fleet, enrolments, access, auditLog, held, known, refusalLines, refusalsInNetconf, metrics, tracer, log } =
    services
  const { user, target } = login
  const deviceId = target.kind === 'device' ? target.deviceId : ''
  const { roles, only } = access
  const accounts = accountsOverSsh({ find: account, roles, ...(only === undefined ? {} : { only }) })
  const authoriseNow = async (): Promise<Authorisation> => {
    const end = ended()
    if (end !== undefined) return { allowed: false, refusal: end }
    if (target.kind === 'device')
      return tellUndecided(await authorise({ fleet, accounts }, user, deviceId), deviceId, {
        standingOf: enrolments.get,
        sees: seesBy(account(), access.roles()),
      })
    const seesEntryPoint =
      target.kind === 'contradiction' &&
      (await authorise({ fleet, accounts }, user, target.entryPoint.deviceId)).allowed
    return { allowed: false, refusal: refusalOfTarget(target, seesEntryPoint) }
  }
  return {
    fleet,
    deviceId,
    client: { user, source, via: 'ssh' },
    keyExchange,
    restriction,
    method,
    auditLog,
    authorise: authoriseNow,
    ended,
    until,
    live: access.live,
    rules: {
      limits,
      held,
      known,
      permissionNow: permissionsOf(accounts, user),
      onDenied: metrics.operationDenied,
    },
    refusalLines,
    refusalsInNetconf: limits.refusalsInNetconf ? refusalsInNetconf : undefined,
    log,
    metrics,
    tracer,
  }
}
