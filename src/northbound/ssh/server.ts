import { createServer, type Server, type Socket } from 'node:net'
import type { Connection, Server as SshServer, ServerConfig } from 'ssh2'
import type { Operation } from '../../access/operation.js'
import type { Recorder } from '../../access/record.js'
import type { Fleet } from '../../fleet/fleet.js'
import { createKnownRequests } from '../../netconf/known-requests.js'
import { offeredAlgorithms, SSH_SOFTWARE } from '../../ssh/algorithms.js'
import { acceptClient } from '../../ssh/ssh2-internals-certificates.js'
import { boundUnreadAnswers, nameWork } from '../../ssh/ssh2-internals-flow.js'
import { socketOf, tolerateRepeatedServiceRequest } from '../../ssh/ssh2-internals.js'
import type { Log } from '../../telemetry/log.js'
import type { ClientMetrics } from '../../telemetry/metrics.js'
import type { CurrentTracer } from '../../telemetry/traces.js'
import { sshListenerOptions } from '../../ssh/listener-options.js'
import { sourceOf } from '../../telemetry/source.js'
import { type Accounts, accountsOverSsh, authorise, permissionsOf } from '../authorise.js'
import { type Authenticated, authenticate, type Users } from './authentication.js'
import type { Doors } from './doors.js'
import { type JumpHost, serveJumps } from './jump-host.js'
import { createHeldOctets } from './held-octets.js'
import { serveSession } from './session.js'
import type { GuardContext } from './session-guard.js'
import { type Door, refusalOfTarget } from './target.js'
import { ssh2 } from '../../ssh/ssh2.js'

/** Bounds on clients; times in milliseconds. */
export interface SshEndpointLimits {
  readonly loginTimeout: number
  readonly maxLoginAttempts: number
  readonly maxConnections: number
  readonly maxSessionsPerConnection: number
  /** Connections to devices inside one client's connection (`ssh -J`). */
  readonly maxJumpsPerConnection: number
  readonly keepaliveInterval: number
  readonly keepaliveCountMax: number
  /** Octets of one request under rules on operations, and of all that are held at a time. */
  readonly maxInspectedRequest: number
  readonly maxInspectedTotal: number
  readonly maxWaitingRefusals: number
}

/** Who may do what now; a reload changes what these give. */
export interface Access extends Users, Accounts {}

export interface SshEndpoint {
  /** Where every device is reached. */
  readonly server: Server
  /** Another server for the same clients, for a further port. */
  addServer(): Server
  /** How many connections of clients there are. */
  readonly connections: number
  /** Serves a client that came in elsewhere; its door is that of the address it dialled, where none is given. */
  serve(socket: Socket, door?: Door): void
  /** Applies new limits to connections from now on. */
  configure(limits: SshEndpointLimits): void
  /** Takes no more clients; those that are here stay. */
  stopListening(): void
  /** Takes no more clients and closes the connections of those that are here. */
  close(): void
}

/** Milliseconds that a client gets to read why its connection is closed. */
const farewellTimeout = 1_000

/** A client's connection before it is over. */
interface Client {
  readonly door: Door
  readonly loginTimer: NodeJS.Timeout
}

/**
 * The bridge's SSH NETCONF endpoint (RFC 6242): a client authenticates as `user@device-id`, or as the user alone where its door is a device's,
 * and each of its sessions is a channel on that device's link. The caller makes the server listen.
 */
export function createSshEndpoint(
  fleet: Fleet,
  access: Access,
  recorder: Recorder,
  doors: Doors,
  initial: SshEndpointLimits,
  log: Log,
  metrics: ClientMetrics,
  tracer: CurrentTracer = () => undefined,
): SshEndpoint {
  let limits = initial
  const shared = { held: createHeldOctets(() => limits.maxInspectedTotal), known: createKnownRequests<Operation>() }
  const clients = new Map<Socket, Client>()
  const clientKeepalive = ({ keepaliveInterval, keepaliveCountMax }: SshEndpointLimits) => ({
    keepaliveInterval,
    keepaliveCountMax,
  })
  // One for each set of host keys that is presented, which is one alone unless there is a CA; a collected set takes its server along.
  let servers = new WeakMap<object, SshServer>()
  const serverWith = (hostKeys: ServerConfig['hostKeys']): SshServer => {
    const known = servers.get(hostKeys)
    if (known !== undefined) return known
    const ssh = new ssh2.Server({
      hostKeys,
      ident: SSH_SOFTWARE,
      algorithms: offeredAlgorithms(),
      ...clientKeepalive(limits),
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
    const { door, loginTimer } = client
    const jumpHost = { doors, enter: serve, maxJumps: limits.maxJumpsPerConnection, metrics }
    serveClient(connection, door, fleet, access, recorder, limits, shared, log, metrics, tracer, jumpHost, () =>
      clearTimeout(loginTimer),
    )
  }
  const serve = (socket: Socket, door = doors.at(socket.localAddress)): boolean => {
    socket.on('error', () => undefined)
    if (clients.size >= limits.maxConnections) {
      log.warn({ source: sourceOf(socket), connections: clients.size }, 'client refused: too many connections')
      metrics.connectionRefused('too-many-connections')
      socket.destroy()
      return false
    }
    // ssh2 tells of a connection only once it has seen an identification; whoever sends none is waited for here.
    const loginTimer = setTimeout(() => {
      log.info({ source: sourceOf(socket) }, 'client refused: it did not log in in time')
      metrics.connectionRefused('login-timeout')
      socket.destroy()
    }, limits.loginTimeout)
    socket.once('close', () => {
      clients.delete(socket)
      clearTimeout(loginTimer)
    })
    clients.set(socket, { door, loginTimer })
    serverWith(doors.hostKeys(door)).injectSocket(socket)
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
    serve,
    configure: (next) => {
      limits = next
      // They hold the keepalives of before.
      servers = new WeakMap()
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

function serveClient(
  connection: Connection,
  door: Door,
  fleet: Fleet,
  access: Access,
  recorder: Recorder,
  limits: SshEndpointLimits,
  shared: Pick<GuardContext, 'held' | 'known'>,
  serverLog: Log,
  metrics: ClientMetrics,
  tracer: CurrentTracer,
  jumpHost: Omit<JumpHost, 'forbidden' | 'log'>,
  onAuthenticated: () => void,
): void {
  const socket = socketOf(connection)
  const log = serverLog.child({ source: sourceOf(socket), ...(door.kind === 'shared' ? {} : { by: door.by }) })
  nameWork(connection, { kind: 'client', source: sourceOf(socket) })
  connection.setMaxListeners(0)
  connection.on('error', (error: Error & { level?: string }) => {
    log.debug({ err: error }, 'client connection failed')
    // ssh2 ends such a connection politely, which a client that reads nothing never notices.
    if (error.level === 'client-timeout') socket.destroy()
  })
  const onTooMany = (): void => {
    metrics.connectionRefused('too-many-attempts')
    connection.end()
    setTimeout(() => socket.destroy(), farewellTimeout).unref()
  }
  void authenticate(connection, door, access, socket.remoteAddress ?? '', limits.maxLoginAttempts, log, onTooMany).then(
    (authenticated) => {
      onAuthenticated()
      // A connection inside another one is a way to no further one.
      if (door.kind === 'shared')
        serveJumps(connection, {
          ...jumpHost,
          forbidden: authenticated.restriction.noForwarding,
          log: log.child({ user: authenticated.login.user }),
        })
      serveAuthenticated(connection, authenticated, fleet, access, recorder, limits, shared, log, metrics, tracer)
    },
  )
}

function serveAuthenticated(
  connection: Connection,
  { login, method, account, key, restriction }: Authenticated,
  fleet: Fleet,
  access: Access,
  recorder: Recorder,
  limits: SshEndpointLimits,
  shared: Pick<GuardContext, 'held' | 'known'>,
  connectionLog: Log,
  metrics: ClientMetrics,
  tracer: CurrentTracer,
): void {
  const { user, target } = login
  const refusal = refusalOfTarget(target)
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
  let sessions = 0
  connection.on('session', (accept, reject) => {
    if (sessions >= limits.maxSessionsPerConnection) {
      log.warn({ sessions }, 'session refused: too many sessions on this connection')
      metrics.sessionRefused('too-many-sessions')
      reject()
      return
    }
    sessions += 1
    serveSession(
      connection,
      accept(),
      {
        fleet,
        deviceId,
        client,
        restriction,
        method,
        recorder,
        authorise: async () =>
          refusal === undefined ? authorise(fleet, accounts, user, deviceId) : { allowed: false, refusal },
        rules,
        log,
        metrics,
        tracer,
      },
      () => {
        sessions -= 1
      },
    )
  })
}
