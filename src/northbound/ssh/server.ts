import { createServer, type Server, type Socket } from 'node:net'
import ssh2, { type Connection, type ServerConfig } from 'ssh2'
import type { Recorder } from '../../access/record.js'
import type { Fleet } from '../../fleet/fleet.js'
import { acceptClient } from '../../ssh/ssh2-internals-certificates.js'
import { boundUnreadAnswers, socketOf, tolerateRepeatedServiceRequest } from '../../ssh/ssh2-internals.js'
import type { Log } from '../../telemetry/log.js'
import type { ClientMetrics, OperationMetrics } from '../../telemetry/metrics.js'
import { sshListenerOptions } from '../../ssh/listener-options.js'
import { sourceOf } from '../../telemetry/source.js'
import { type Accounts, accountsOverSsh, authorise, permissionNow } from '../authorise.js'
import { type Authenticated, authenticate, type Users } from './authentication.js'
import { createHeldOctets, type HeldOctets } from './held-octets.js'
import { serveSession } from './session.js'
import type { GuardContext } from './session-guard.js'

/** Bounds on clients; times in milliseconds. */
export interface SshEndpointLimits {
  readonly loginTimeout: number
  readonly maxLoginAttempts: number
  readonly maxConnections: number
  readonly maxSessionsPerConnection: number
  readonly keepaliveInterval: number
  readonly keepaliveCountMax: number
  /** Octets of one request under rules on operations, and of all that are held at a time. */
  readonly maxInspectedRequest: number
  readonly maxInspectedTotal: number
  readonly maxWaitingRefusals: number
}

/** Who may do what now; a reload changes what these give. */
export interface Access extends Users, Accounts {}

/** What is counted here. */
type EndpointMetrics = ClientMetrics & Pick<OperationMetrics, 'denied'>

export interface SshEndpoint {
  readonly server: Server
  /** How many connections of clients there are. */
  readonly connections: number
  /** Applies new limits to connections from now on. */
  configure(limits: SshEndpointLimits): void
  /** Takes no more clients and closes the connections of those that are here. */
  close(): void
}

/** Milliseconds that a client gets to read why its connection is closed. */
const farewellTimeout = 1_000

/**
 * The bridge's SSH NETCONF endpoint (RFC 6242): a client authenticates as `user@device-id`, and each of its sessions is a channel on that device's link.
 * The caller makes the server listen.
 */
export function createSshEndpoint(
  fleet: Fleet,
  access: Access,
  recorder: Recorder,
  hostKeys: ServerConfig['hostKeys'],
  initial: SshEndpointLimits,
  log: Log,
  metrics: EndpointMetrics,
): SshEndpoint {
  let limits = initial
  const held = createHeldOctets(() => limits.maxInspectedTotal)
  const clients = new Map<Socket, NodeJS.Timeout>()
  const clientKeepalive = ({ keepaliveInterval, keepaliveCountMax }: SshEndpointLimits) => ({
    keepaliveInterval,
    keepaliveCountMax,
  })
  const options: ServerConfig = {
    hostKeys,
    ident: 'Homeport',
    // Without group exchange, which lets a client make the server compute at will, and without compression, which costs memory for every client.
    algorithms: { kex: [...keyExchanges], compress: ['none'] },
    ...clientKeepalive(initial),
  }
  const ssh = new ssh2.Server(options)
  ssh.on('connection', (connection) => {
    acceptClient(connection)
    tolerateRepeatedServiceRequest(connection)
    boundUnreadAnswers(connection)
    const onAuthenticated = (): void => clearTimeout(clients.get(socketOf(connection)))
    serveClient(connection, fleet, access, recorder, limits, held, log, metrics, onAuthenticated)
  })
  const server = createServer(sshListenerOptions, (socket) => {
    socket.on('error', () => undefined)
    if (clients.size >= limits.maxConnections) {
      log.warn({ source: sourceOf(socket), connections: clients.size }, 'client refused: too many connections')
      metrics.connectionRefused('too-many-connections')
      socket.destroy()
      return
    }
    // ssh2 tells of a connection only once it has seen an identification; whoever sends none is waited for here.
    const timer = setTimeout(() => {
      log.info({ source: sourceOf(socket) }, 'client refused: it did not log in in time')
      metrics.connectionRefused('login-timeout')
      socket.destroy()
    }, limits.loginTimeout)
    socket.once('close', () => {
      clients.delete(socket)
      clearTimeout(timer)
    })
    clients.set(socket, timer)
    ssh.injectSocket(socket)
  })
  return {
    server,
    get connections() {
      return clients.size
    },
    configure: (next) => {
      limits = next
      // ssh2 reads these anew for each connection.
      Object.assign(options, clientKeepalive(next))
    },
    close: () => {
      server.close()
      for (const socket of clients.keys()) socket.destroy()
    },
  }
}

const keyExchanges = [
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'diffie-hellman-group14-sha256',
  'diffie-hellman-group16-sha512',
  'diffie-hellman-group18-sha512',
] as const

function serveClient(
  connection: Connection,
  fleet: Fleet,
  access: Access,
  recorder: Recorder,
  limits: SshEndpointLimits,
  held: HeldOctets,
  serverLog: Log,
  metrics: EndpointMetrics,
  onAuthenticated: () => void,
): void {
  const socket = socketOf(connection)
  const source = sourceOf(socket)
  const log = serverLog.child({ source })
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
  void authenticate(connection, access, socket.remoteAddress ?? '', limits.maxLoginAttempts, log, onTooMany).then(
    (authenticated) => {
      onAuthenticated()
      serveAuthenticated(connection, authenticated, fleet, access, recorder, limits, held, log, metrics)
    },
  )
}

function serveAuthenticated(
  connection: Connection,
  { login, method, restriction }: Authenticated,
  fleet: Fleet,
  access: Access,
  recorder: Recorder,
  limits: SshEndpointLimits,
  held: HeldOctets,
  connectionLog: Log,
  metrics: EndpointMetrics,
): void {
  const { user, deviceId } = login
  const accounts = accountsOverSsh(access)
  const rules: GuardContext = {
    limits,
    held,
    permissionNow: (device) => permissionNow(accounts, user, device),
    onDenied: () => metrics.denied(),
  }
  const client = { user, source: sourceOf(socketOf(connection)), via: 'ssh' } as const
  const log = connectionLog.child({ user, deviceId })
  log.info({ method }, 'client authenticated')
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
        authorise: () => authorise(fleet, accounts, user, deviceId),
        rules,
        log,
        metrics,
      },
      () => {
        sessions -= 1
      },
    )
  })
}
