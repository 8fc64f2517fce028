import { createServer, type Server, type Socket } from 'node:net'
import type { Connection, Server as SshServer, ServerConfig } from 'ssh2'
import type { Operation } from '../../access/authz/operation.js'
import type { AuditLog } from '../../audit/audit-log.js'
import type { Fleet } from '../../fleet/fleet.js'
import { clientRefusal } from '../../fleet/refusals/clients.js'
import { createRateLimit } from '../../lib/rate-limit.js'
import { createRequestCache } from '../../netconf/request-cache.js'
import { sshListenerOptions } from '../../net/listener-options.js'
import { sourceOf } from '../../net/source.js'
import type { HandshakeCounts } from '../../ssh/admission.js'
import { offeredAlgorithms, SSH_SOFTWARE } from '../../ssh/algorithms.js'
import { createKeepalive } from '../../ssh/keepalive.js'
import { acceptClient } from '../../ssh/ssh2/certificates.js'
import { socketOf, tolerateRepeatedServiceRequest } from '../../ssh/ssh2/connections.js'
import { boundUnreadAnswers } from '../../ssh/ssh2/flow-control.js'
import { ssh2 } from '../../ssh/ssh2/load.js'
import type { Log } from '../../telemetry/log.js'
import type { ClientMetrics } from '../../telemetry/metrics.js'
import type { CurrentTracer } from '../../telemetry/traces.js'
import { type Access, type ClientLimits, type ClientServices, serveClient } from './client-connection.js'
import type { EntryPoints } from './entry-points.js'
import { createInspectionBudget } from './guard/inspection-budget.js'
import type { Newcomer } from './newcomer.js'
import { createNewcomers, dismiss, type NewcomerLimits, type Sources } from './newcomers.js'
import { createRefusalLines } from './refusal-lines.js'
import { createSeats, type SeatLimits } from './seats.js'
import { createServing } from './serving.js'
import type { EntryPoint } from './target.js'

/** Bounds on clients; times in milliseconds. */
export interface SshEndpointLimits extends NewcomerLimits, SeatLimits, ClientLimits {
  /** How many bytes of requests the bridge holds at a time, in all sessions, while it checks them against rules. */
  readonly maxInspectedTotal: number
}

export interface SshEndpointOptions {
  readonly fleet: Fleet
  readonly access: Access
  readonly auditLog: AuditLog
  readonly entryPoints: EntryPoints
  /** The limits at the start; `configure` changes them. */
  readonly limits: SshEndpointLimits
  readonly log: Log
  readonly metrics: ClientMetrics
  readonly sources: Sources
  /** Traces sessions, where traces are switched on. */
  readonly tracer?: CurrentTracer
}

export interface SshEndpoint {
  /** The server of the shared entry point, through which clients reach every device. */
  readonly server: Server
  /** Makes another server for the same clients, on a further port. */
  readonly addServer: () => Server
  /** How many connections clients have, and at which step of the login those are that are not through it. */
  readonly connections: number
  readonly handshakes: HandshakeCounts
  /** Settles once the last session of a client has ended. */
  readonly quiet: () => Promise<void>
  /** Serves a client whose connection another server accepted. By default its entry point is the address it dialled. */
  readonly serve: (socket: Socket, entryPoint?: EntryPoint) => void
  /** Applies new limits to connections from now on. */
  readonly configure: (limits: SshEndpointLimits) => void
  /** Accepts no more clients. Connected clients stay. */
  readonly stopListening: () => void
  /** Accepts no more clients, and closes the connections of all clients. */
  readonly close: () => void
}

/** Lines that say that all connections of clients are in use. */
const FULL_LINES = { each: 10, all: 10, interval: 10_000 }

/** A client's connection, of which the bridge has read nothing yet. */
interface Arrival {
  readonly entryPoint: EntryPoint
  readonly newcomer: Newcomer
}

/**
 * The bridge's SSH NETCONF endpoint (RFC 6242): a client authenticates as `user@device-id`, or as the user alone where
 * its entry point is a device's, and each of its sessions is a channel on that device's link. The caller makes the
 * server listen.
 */
export function createSshEndpoint(options: SshEndpointOptions): SshEndpoint {
  const { entryPoints, log, metrics, sources } = options
  let { limits } = options
  const newcomers = createNewcomers({ limits, sources, log, metrics })
  const seats = createSeats(() => limits)
  const serving = createServing()
  const clients = new Map<Socket, Arrival>()
  const mayTellFull = createRateLimit(FULL_LINES)

  const greet = (connection: Connection): void => {
    acceptClient(connection)
    tolerateRepeatedServiceRequest(connection)
    boundUnreadAnswers(connection)
    const arrival = clients.get(socketOf(connection))
    // The client hung up before the bridge read its SSH identification.
    if (arrival === undefined) return void connection.end()
    arrival.newcomer.govern(connection)
    serveClient({ connection, ...arrival, limits }, services)
  }
  const sshServers = createSshServers(greet)

  /** Accepts a client's connection; false where there are too many connections already. */
  const serve = (socket: Socket, entryPoint = entryPoints.at(socket.localAddress)): boolean => {
    socket.on('error', () => undefined)
    if (seats.full) {
      refuseForLack(socket)
      return false
    }
    const newcomer = newcomers.admit(socket)
    if (newcomer === undefined) return false
    socket.once('close', () => clients.delete(socket))
    clients.set(socket, { entryPoint, newcomer })
    sshServers.with(entryPoints.hostKeys(entryPoint)).injectSocket(socket)
    return true
  }
  const refuseForLack = (socket: Socket): void => {
    const { reason, message, toPeer, hint } = clientRefusal('too-many-connections')
    metrics.connectionRefused(reason)
    if (mayTellFull(reason, '') !== undefined)
      log.warn({ source: sourceOf(socket), reason, connections: clients.size, hint }, `client refused: ${message}`)
    dismiss(socket, toPeer ?? message)
  }

  const services: ClientServices = {
    ...options,
    tracer: options.tracer ?? (() => undefined),
    enter: serve,
    seats,
    serving,
    held: createInspectionBudget(() => limits.maxInspectedTotal),
    known: createRequestCache<Operation>(),
    refusalLines: createRefusalLines(),
    keepalive: createKeepalive(),
  }

  const listeners: Server[] = []
  const addServer = (): Server => {
    const listener = createServer(sshListenerOptions, (socket) => void serve(socket))
    listeners.push(listener)
    return listener
  }
  const stopListening = (): void => {
    for (const listener of listeners) listener.close()
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
    stopListening,
    close: () => {
      stopListening()
      for (const socket of clients.keys()) socket.destroy()
    },
  }
}

/**
 * The servers of ssh2, one for each set of host keys that the bridge presents. Without a CA there is one set. None of
 * these servers listens; they are given sockets. A server is garbage once its set of host keys is.
 */
function createSshServers(greet: (connection: Connection) => void): {
  readonly with: (hostKeys: ServerConfig['hostKeys']) => SshServer
} {
  const servers = new WeakMap<object, SshServer>()
  return {
    with: (hostKeys) => {
      const known = servers.get(hostKeys)
      if (known !== undefined) return known
      const server = new ssh2.Server({ hostKeys, ident: SSH_SOFTWARE, algorithms: offeredAlgorithms() })
      server.on('connection', greet)
      servers.set(hostKeys, server)
      return server
    },
  }
}
