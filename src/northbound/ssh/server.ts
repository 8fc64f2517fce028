import { inBackground } from '../../lib/background.js'
import { createServer, type Server, type Socket } from 'node:net'
import type { Connection, Server as SshServer, ServerConfig } from 'ssh2'
import type { LiveRights } from '../../access/authz/live-rights.js'
import type { Operation } from '../../access/authz/operation.js'
import type { RightEnd } from '../../access/authz/right-end.js'
import type { AuditLog } from '../../audit/audit-log.js'
import type { Fleet } from '../../fleet/fleet.js'
import { clientRefusal } from '../../fleet/refusals/clients.js'
import { rightEnd } from '../../fleet/refusals/session-ends.js'
import { sessionRefusal } from '../../fleet/refusals/sessions.js'
import { createRateLimit } from '../../lib/rate-limit.js'
import { createRequestCache } from '../../netconf/request-cache.js'
import { offeredAlgorithms, SSH_SOFTWARE } from '../../ssh/algorithms.js'
import { createKeepalive } from '../../ssh/keepalive.js'
import { acceptClient } from '../../ssh/ssh2/certificates.js'
import { boundUnreadAnswers, nameWork } from '../../ssh/ssh2/flow-control.js'
import {
  closeOnceFailed,
  BY_APPLICATION,
  sayGoodbye,
  socketOf,
  TOO_MANY_CONNECTIONS,
  tolerateRepeatedServiceRequest,
} from '../../ssh/ssh2/channels.js'
import type { HandshakeCounts } from '../../ssh/admission.js'
import type { Log } from '../../telemetry/log.js'
import type { ClientMetrics } from '../../telemetry/metrics.js'
import type { CurrentTracer } from '../../telemetry/traces.js'
import { sshListenerOptions } from '../../net/listener-options.js'
import { sourceOf } from '../../net/source.js'
import { type Accounts, accountsOverSsh, type Authorisation, authorise, permissionsOf } from '../authorise.js'
import { type Authenticated, authenticate, type Users } from './authentication.js'
import { watchClient } from './client-keepalive.js'
import type { EntryPoints } from './entry-points.js'
import { type JumpHost, serveJumps } from './jump-host.js'
import { createInspectionBudget } from './guard/inspection-budget.js'
import { createNewcomers, dismiss, type Newcomer, type NewcomerLimits, type Sources } from './newcomers.js'
import { createSeats, type Seats } from './seats.js'
import { createRefusalLines, type RefusalLines } from './refusal-lines.js'
import { createServing, type Serving } from './serving.js'
import { serveSession } from './session.js'
import type { GuardContext } from './guard/session-guard.js'
import { type EntryPoint, refusalOfTarget } from './target.js'
import { ssh2 } from '../../ssh/ssh2/load.js'

/** Bounds on clients; times in milliseconds. */
export interface SshEndpointLimits extends NewcomerLimits {
  readonly maxLoginAttempts: number
  /** Connections of clients that have logged in: of all, and of one user; nine tenths of all for one alone, where not given. */
  readonly maxConnections: number
  readonly maxConnectionsPerUser?: number
  readonly maxSessionsPerConnection: number
  /** Connections to devices inside one client's connection (`ssh -J`). */
  readonly maxJumpsPerConnection: number
  readonly keepaliveInterval: number
  readonly keepaliveCountMax: number
  /** Bytes of one request under rules on operations, and of all that are held at a time. */
  readonly maxInspectedRequest: number
  readonly maxInspectedTotal: number
  readonly maxWaitingRefusals: number
}

/** Who may do what now; a reload changes what these give. */
export interface Access extends Users, Accounts {
  readonly live: LiveRights
}

export interface SshEndpoint {
  /** Where every device is reached. */
  readonly server: Server
  /** Another server for the same clients, for a further port. */
  addServer(): Server
  /** How many connections of clients there are, and how far those are that have not logged in. */
  readonly connections: number
  readonly handshakes: HandshakeCounts
  /** Settles once no client has a session any more. */
  quiet(): Promise<void>
  /** Serves a client that came in elsewhere; its door is that of the address it dialled, where none is given. */
  serve(socket: Socket, entryPoint?: EntryPoint): void
  /** Applies new limits to connections from now on. */
  configure(limits: SshEndpointLimits): void
  /** Takes no more clients; those that are here stay. */
  stopListening(): void
  /** Takes no more clients and closes the connections of those that are here. */
  close(): void
}

/** Lines that say that all connections of clients are in use. */
const FULL_LINES = { each: 10, all: 10, interval: 10_000 }

/** Milliseconds that a client gets to read why its connection is closed. */
const farewellTimeout = 1_000
/** Milliseconds that the sessions of a connection get before, to end and to tell why. */
const sessionsFarewell = 1_500

/** What all connections share. */
interface Shared extends Pick<GuardContext, 'held' | 'known'> {
  readonly serving: Serving
  readonly refusalLines: RefusalLines
}

/** A client's connection before it is over. */
interface Client {
  readonly entryPoint: EntryPoint
  readonly newcomer: Newcomer
}

/**
 * The bridge's SSH NETCONF endpoint (RFC 6242): a client authenticates as `user@device-id`, or as the user alone where its door is a device's,
 * and each of its sessions is a channel on that device's link. The caller makes the server listen.
 */
export function createSshEndpoint(
  fleet: Fleet,
  access: Access,
  auditLog: AuditLog,
  entryPoints: EntryPoints,
  initial: SshEndpointLimits,
  log: Log,
  metrics: ClientMetrics,
  sources: Sources,
  tracer: CurrentTracer = () => undefined,
): SshEndpoint {
  let limits = initial
  const newcomers = createNewcomers({ limits, sources, log, metrics })
  const seats = createSeats(() => limits)
  const serving = createServing()
  const shared = {
    held: createInspectionBudget(() => limits.maxInspectedTotal),
    known: createRequestCache<Operation>(),
    serving,
    refusalLines: createRefusalLines(),
  }
  const clients = new Map<Socket, Client>()
  const mayTell = createRateLimit(FULL_LINES)
  const keepalive = createKeepalive()
  // One for each set of host keys that is presented, which is one alone unless there is a CA; a collected set takes its server along.
  const servers = new WeakMap<object, SshServer>()
  const serverWith = (hostKeys: ServerConfig['hostKeys']): SshServer => {
    const known = servers.get(hostKeys)
    if (known !== undefined) return known
    const ssh = new ssh2.Server({
      hostKeys,
      ident: SSH_SOFTWARE,
      algorithms: offeredAlgorithms(),
    })
    ssh.on('connection', greet)
    servers.set(hostKeys, ssh)
    return ssh
  }
  const greet = (connection: Connection): void => {
    acceptClient(connection)
    tolerateRepeatedServiceRequest(connection)
    boundUnreadAnswers(connection)
    const client = clients.get(socketOf(connection))
    // It went away before its identification was read.
    if (client === undefined) return void connection.end()
    const { entryPoint, newcomer } = client
    newcomer.govern(connection)
    const jumpHost = { entryPoints, enter: serve, maxJumps: limits.maxJumpsPerConnection, metrics }
    serveClient(connection, entryPoint, fleet, access, auditLog, limits, shared, log, metrics, tracer, jumpHost, {
      newcomer,
      seats,
      watch: (clientLog) => watchClient(connection, keepalive, limits, clientLog),
    })
  }
  const serve = (socket: Socket, entryPoint = entryPoints.at(socket.localAddress)): boolean => {
    socket.on('error', () => undefined)
    if (seats.full()) {
      const { reason, message, toPeer, hint } = clientRefusal('too-many-connections')
      metrics.connectionRefused(reason)
      if (mayTell(reason, '') !== undefined)
        log.warn({ source: sourceOf(socket), reason, connections: clients.size, hint }, `client refused: ${message}`)
      dismiss(socket, toPeer ?? message)
      return false
    }
    const newcomer = newcomers.admit(socket)
    if (newcomer === undefined) return false
    socket.once('close', () => clients.delete(socket))
    clients.set(socket, { entryPoint, newcomer })
    serverWith(entryPoints.hostKeys(entryPoint)).injectSocket(socket)
    return true
  }
  const listeners: Server[] = []
  const addServer = (): Server => {
    const listener = createServer(sshListenerOptions, (socket) => void serve(socket))
    listeners.push(listener)
    return listener
  }
  return {
    server: addServer(),
    addServer,
    get connections() {
      return clients.size
    },
    get handshakes() {
      return newcomers.counts
    },
    quiet: () => serving.none(),
    serve,
    configure: (next) => {
      limits = next
      newcomers.configure(next)
    },
    stopListening: () => {
      for (const listener of listeners) listener.close()
    },
    close: () => {
      for (const listener of listeners) listener.close()
      for (const socket of clients.keys()) socket.destroy()
    },
  }
}

/** What a connection has to do with the others. */
interface Circumstances {
  readonly newcomer: Newcomer
  readonly seats: Seats
  /** Looks from now on whether the client is there. */
  readonly watch: (log: Log) => void
}

function serveClient(
  connection: Connection,
  entryPoint: EntryPoint,
  fleet: Fleet,
  access: Access,
  auditLog: AuditLog,
  limits: SshEndpointLimits,
  shared: Shared,
  serverLog: Log,
  metrics: ClientMetrics,
  tracer: CurrentTracer,
  jumpHost: Pick<JumpHost, 'entryPoints' | 'enter' | 'maxJumps' | 'metrics'>,
  { newcomer, seats, watch }: Circumstances,
): void {
  const socket = socketOf(connection)
  const log = serverLog.child({
    source: sourceOf(socket),
    ...(entryPoint.kind === 'shared' ? {} : { by: entryPoint.by }),
  })
  nameWork(connection, { kind: 'client', source: sourceOf(socket) })
  connection.setMaxListeners(0)
  connection.on('error', (error: Error) => {
    log.debug({ err: error }, 'client connection failed')
  })
  closeOnceFailed(connection)
  const onTooMany = (): void => {
    metrics.connectionRefused('too-many-attempts')
    connection.end()
    setTimeout(() => socket.destroy(), farewellTimeout).unref()
  }
  const { loginLog } = access
  const users: Users = {
    ...access,
    loginLog: {
      ...loginLog,
      failed: (...attempt) => {
        newcomer.failed()
        loginLog.failed(...attempt)
      },
    },
  }
  const { maxLoginAttempts } = limits
  const address = socket.remoteAddress ?? ''
  const served = authenticate(connection, entryPoint, users, address, maxLoginAttempts, log, onTooMany).then(
    (authenticated) => {
      newcomer.loggedIn()
      const { user } = authenticated.login
      const noSeat = seats.take(user)
      if (noSeat !== undefined) {
        const { reason, message, toPeer, hint } = noSeat
        shared.refusalLines(log, { what: 'client refused', user, reason, message, hint, fields: { user } })
        metrics.connectionRefused(reason)
        sayGoodbye(connection, TOO_MANY_CONNECTIONS, `homeport: ${toPeer ?? message}`)
        setTimeout(() => socket.destroy(), farewellTimeout).unref()
        return
      }
      connection.once('close', () => seats.give(user))
      watch(log.child({ user }))
      // A connection inside another one is a way to no further one.
      if (entryPoint.kind === 'shared')
        serveJumps(connection, {
          ...jumpHost,
          forbidden: authenticated.restriction.noForwarding,
          mayReach: mayReachBy(authenticated, fleet, access),
          live: access.live,
          log: log.child({ user }),
          user,
          refusalLines: shared.refusalLines,
        })
      serveAuthenticated(connection, authenticated, fleet, access, auditLog, limits, shared, log, metrics, tracer)
    },
  )
  inBackground('client', served, () => socket.destroy())
}

/** Why the user of a connection may not reach a device through it, known or not; undefined where nothing speaks against it. */
function mayReachBy({ login: { user }, account, ended }: Authenticated, fleet: Fleet, { roles }: Access) {
  return async (deviceId: string): Promise<RightEnd | undefined> => {
    const end = ended()
    if (end !== undefined) return end
    const authorisation = await authorise(fleet, { find: account, roles }, user, deviceId)
    if (authorisation.allowed) return undefined
    const { message, hint } = authorisation.refusal
    return rightEnd('no-rights', message, hint)
  }
}

/** Closes a connection whose login does not count any more, once its sessions have told why. */
function closeWithLogin(connection: Connection, { ended, until }: Authenticated, live: LiveRights, log: Log): void {
  const socket = socketOf(connection)
  const end = ({ reason, message, hint }: RightEnd): void => {
    log.warn({ reason, hint }, `connection closed: ${message}`)
    setTimeout(() => {
      sayGoodbye(connection, BY_APPLICATION, `homeport: ${message}; ${hint}`)
      setTimeout(() => socket.destroy(), farewellTimeout).unref()
    }, sessionsFarewell).unref()
  }
  connection.once('close', live.watch({ check: ended, until, end }))
}

function serveAuthenticated(
  connection: Connection,
  authenticated: Authenticated,
  fleet: Fleet,
  access: Access,
  auditLog: AuditLog,
  limits: SshEndpointLimits,
  shared: Shared,
  connectionLog: Log,
  metrics: ClientMetrics,
  tracer: CurrentTracer,
): void {
  const { login, method, account, ended, until, key, restriction } = authenticated
  const { user, target } = login
  const deviceId = target.kind === 'device' ? target.deviceId : ''
  const accounts = accountsOverSsh({ find: account, roles: access.roles })
  const rules: GuardContext = {
    limits,
    ...shared,
    permissionNow: permissionsOf(accounts, user),
    onDenied: metrics.operationDenied,
  }
  const client = { user, source: sourceOf(socketOf(connection)), via: 'ssh' } as const
  const log = connectionLog.child({ user, ...(target.kind === 'device' ? { deviceId } : {}) })
  log.info({ method, ...(key === undefined ? {} : { key }) }, 'client authenticated')
  metrics.loggedIn(method)
  connection.once('close', () => log.info('client disconnected'))
  closeWithLogin(connection, authenticated, access.live, log)
  const authoriseNow = async (): Promise<Authorisation> => {
    const end = ended()
    if (end !== undefined) return { allowed: false, refusal: end }
    if (target.kind === 'device') return authorise(fleet, accounts, user, deviceId)
    const seesEntryPoint =
      target.kind === 'contradiction' && (await authorise(fleet, accounts, user, target.entryPoint.deviceId)).allowed
    return { allowed: false, refusal: refusalOfTarget(target, seesEntryPoint) }
  }
  let sessions = 0
  connection.on('session', (accept, reject) => {
    if (sessions >= limits.maxSessionsPerConnection) {
      const refusal = sessionRefusal('too-many-sessions')
      shared.refusalLines(log, { ...refusal, what: 'session refused', user, fields: { sessions } })
      metrics.sessionRefused(refusal.reason)
      reject()
      return
    }
    sessions += 1
    const served = shared.serving.begin()
    serveSession(
      connection,
      accept(),
      {
        fleet,
        deviceId,
        client,
        restriction,
        method,
        auditLog,
        authorise: authoriseNow,
        ended,
        until,
        live: access.live,
        rules,
        refusalLines: shared.refusalLines,
        log,
        metrics,
        tracer,
      },
      () => {
        sessions -= 1
        served()
      },
    )
  })
}
