import type { Connection } from 'ssh2'
import type { LiveRights } from '../../access/authz/live-rights.js'
import type { RightEnd } from '../../access/authz/right-end.js'
import { clientRefusal } from '../../fleet/refusals/clients.js'
import { rightEnd } from '../../fleet/refusals/session-ends.js'
import { inBackground } from '../../lib/background.js'
import { sourceOf } from '../../net/source.js'
import type { UserPlaces } from '../../net/user-places.js'
import type { Keepalive } from '../../ssh/keepalive.js'
import {
  BY_APPLICATION,
  closeOnceFailed,
  keyExchangeOf,
  sayGoodbye,
  socketOf,
  TOO_MANY_CONNECTIONS,
} from '../../ssh/ssh2/connections.js'
import type { Negotiation } from '../../ssh/ssh2/negotiation.js'
import { nameWork } from '../../ssh/ssh2/flow-control.js'
import type { Log } from '../../telemetry/log.js'
import { type Accounts, authorise } from '../authorise.js'
import { seesBy, tellUndecided } from '../undecided.js'
import { type Authenticated, authenticate, type Users } from './authentication.js'
import { type ClientProbes, watchClient } from './client-keepalive.js'
import { serveSessions, type SessionLimits, type SessionServices } from './client-sessions.js'
import { type JumpHost, refuseJumps, serveJumps } from './jump-host.js'
import type { KeyExchangePolicy } from './key-exchange-policy.js'
import type { LoggedIn } from './logged-in.js'
import type { LegacyAccess } from './legacy-access.js'
import type { Newcomer } from './newcomer.js'
import type { EntryPoint } from './target.js'

/** Bounds on one client's connection. */
export interface ClientLimits extends SessionLimits, ClientProbes {
  readonly maxLoginAttempts: number
  /** Connections to devices inside one client's connection (`ssh -J`). */
  readonly maxJumpsPerConnection: number
}

/** Who may do what now; a reload changes what these give. */
export interface Access extends Users, Accounts {
  readonly live: LiveRights
}

/** A client's connection, with the limits that there were when it came. */
export interface ClientConnection {
  readonly connection: Connection
  readonly entryPoint: EntryPoint
  readonly newcomer: Newcomer
  readonly negotiation: Negotiation
  /** Who may use the server for old clients now, where it came in by that. */
  readonly legacy?: () => LegacyAccess | undefined
  readonly limits: ClientLimits
}

/** What all clients' connections are served with. */
export interface ClientServices extends SessionServices, Pick<JumpHost, 'entryPoints' | 'enter'> {
  readonly access: Access
  readonly seats: UserPlaces
  readonly keepalive: Keepalive
  readonly loggedIn: LoggedIn
  readonly keyExchangePolicy: KeyExchangePolicy
  readonly log: Log
}

/** Milliseconds that a client gets to read why its connection is closed. */
const FAREWELL_TIMEOUT = 1_000
/** Milliseconds that the sessions of a connection get before, to end and to tell why. */
const SESSIONS_FAREWELL = 1_500

/** Lets a client log in, and then gives it what its rights allow: sessions on devices, and jumps to them. */
export function serveClient(client: ClientConnection, services: ClientServices): void {
  const { connection, entryPoint, newcomer, legacy, limits } = client
  const { access, metrics } = services
  const socket = socketOf(connection)
  const source = sourceOf(socket)
  const log = services.log.child({ source, ...(entryPoint.kind === 'shared' ? {} : { by: entryPoint.by }) })
  nameWork(connection, { kind: 'client', source })
  connection.setMaxListeners(0)
  connection.on('error', (error: Error) => log.debug({ err: error }, 'client connection failed'))
  closeOnceFailed(connection)
  const authenticated = authenticate(connection, {
    entryPoint,
    users: withFailuresTold(access, newcomer),
    remoteAddress: socket.remoteAddress ?? '',
    ...(legacy === undefined ? {} : { legacy }),
    maxAttempts: limits.maxLoginAttempts,
    log,
    onTooMany: () => {
      metrics.connectionRefused('too-many-attempts')
      connection.end()
      setTimeout(() => socket.destroy(), FAREWELL_TIMEOUT).unref()
    },
  })
  const served = authenticated.then((loggedIn) => {
    const who = { ...loggedIn, ended: () => loggedIn.ended() ?? services.keyExchangePolicy.ended(connection) }
    newcomer.loggedIn()
    const reaching = legacy === undefined ? access : { ...access, only: () => legacy()?.devices ?? [] }
    if (takeSeat(connection, who, { ...services, log }))
      serveAuthenticated(client, who, { ...services, access: reaching, log })
  })
  inBackground('client', served, () => socket.destroy())
}

/** The same users; whoever fails to prove to be one is told to be a newcomer that did. */
function withFailuresTold(access: Access, newcomer: Newcomer): Users {
  const { loginLog } = access
  return {
    ...access,
    loginLog: {
      ...loginLog,
      failed: (...attempt) => {
        newcomer.failed()
        loginLog.failed(...attempt)
      },
    },
  }
}

/**
 * Whether there is room for one more connection of this user, which then has it until it closes. A client that has none
 * is told why.
 */
function takeSeat(
  connection: Connection,
  { login: { user } }: Authenticated,
  { seats, refusalLines, log, metrics }: Pick<ClientServices, 'seats' | 'refusalLines' | 'log' | 'metrics'>,
): boolean {
  const seat = seats.enter(user)
  if (seat.ok) {
    connection.once('close', seat.leave)
    return true
  }
  const heldByUser = seat.bound === 'user' ? seat.heldByUser : undefined
  const { reason, message, toPeer, hint } = clientRefusal('too-many-connections', heldByUser)
  refusalLines(log, { what: 'client refused', user, reason, message, hint, fields: { user } })
  metrics.connectionRefused(reason)
  closeWith(connection, TOO_MANY_CONNECTIONS, toPeer ?? message)
  return false
}

function serveAuthenticated(client: ClientConnection, authenticated: Authenticated, services: ClientServices): void {
  const { connection, entryPoint, legacy, negotiation, limits } = client
  const { login, method, key, restriction } = authenticated
  const { user, target } = login
  const { access, keepalive, loggedIn, metrics } = services
  const ofUser = services.log.child({ user })
  const log = target.kind === 'device' ? services.log.child({ user, deviceId: target.deviceId }) : ofUser
  watchClient(connection, keepalive, { probes: limits, log: ofUser })
  // A connection inside another one is a way to no further one, nor is one of an old client: who can jump knows better
  // algorithms.
  if (entryPoint.kind === 'shared' && legacy === undefined) {
    const accounts = { find: authenticated.account, roles: access.roles }
    serveJumps(connection, {
      ...services,
      maxJumps: limits.maxJumpsPerConnection,
      forbidden: restriction.noForwarding,
      mayReach: mayReachBy(authenticated, services),
      live: access.live,
      log: ofUser,
      user,
      ownPorts: {
        ...services,
        accounts,
        client: { user, source: sourceOf(socketOf(connection)), via: 'ssh' },
        keyExchange: () => keyExchangeOf(connection),
        login: authenticated,
        live: access.live,
        log: ofUser,
        authorise: (deviceId) => authorise({ fleet: services.fleet, accounts }, user, deviceId),
      },
    })
  } else {
    const where = legacy === undefined ? 'device' : 'legacy'
    refuseJumps(connection, where, { log, user, refusalLines: services.refusalLines, metrics })
  }
  const keyExchange = keyExchangeOf(connection)?.name
  const weak = negotiation.result()?.weak ?? []
  log.info(
    {
      method,
      keyExchange,
      ...(key === undefined ? {} : { key }),
      ...(weak.length === 0 ? {} : { weak: weak.join(', ') }),
    },
    'client authenticated',
  )
  metrics.weakAlgorithms(weak)
  metrics.loggedIn(method)
  loggedIn.add(connection)
  connection.once('close', () => log.info('client disconnected'))
  closeWithLogin(connection, authenticated, { live: access.live, log })
  serveSessions(connection, { authenticated, limits }, { ...services, log })
}

/**
 * Why the user of a connection may not reach a device through it, known or not; undefined where nothing speaks against
 * it.
 */
function mayReachBy(
  { login: { user }, account, ended }: Authenticated,
  {
    fleet,
    enrolments,
    access: { roles },
  }: Pick<ClientServices, 'fleet' | 'enrolments'> & { readonly access: Accounts },
) {
  return async (deviceId: string): Promise<RightEnd | undefined> => {
    const end = ended()
    if (end !== undefined) return end
    const asked = await authorise({ fleet, accounts: { find: account, roles } }, user, deviceId)
    const sees = seesBy(account(), roles())
    const authorisation = await tellUndecided(asked, deviceId, { standingOf: enrolments.get, sees })
    if (authorisation.allowed) return undefined
    const { message, hint } = authorisation.refusal
    return rightEnd('no-rights', message, hint)
  }
}

/** Closes a connection whose login does not count any more, once its sessions have told why. */
function closeWithLogin(
  connection: Connection,
  { ended, until }: Authenticated,
  { live, log }: { readonly live: LiveRights; readonly log: Log },
): void {
  const end = ({ reason, message, hint }: RightEnd): void => {
    log.warn({ reason, hint }, `connection closed: ${message}`)
    setTimeout(() => closeWith(connection, BY_APPLICATION, `${message}; ${hint}`), SESSIONS_FAREWELL).unref()
  }
  connection.once('close', live.watch({ check: ended, until, end }))
}

/** Tells a client why its connection is closed (RFC 4253 §11.1), and closes it a moment later. */
function closeWith(connection: Connection, reason: number, message: string): void {
  sayGoodbye(connection, reason, `homeport: ${message}`)
  setTimeout(() => socketOf(connection).destroy(), FAREWELL_TIMEOUT).unref()
}
