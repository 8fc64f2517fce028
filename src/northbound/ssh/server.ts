import { createServer, type Server, type Socket } from 'node:net'
import type { Connection, Server as SshServer, ServerConfig } from 'ssh2'
import type { Operation } from '../../access/authz/operation.js'
import type { AuditLog } from '../../audit/audit-log.js'
import type { Enrolments } from '../../fleet/enrolment/enrolment.js'
import type { Fleet } from '../../fleet/fleet.js'
import { clientRefusal } from '../../fleet/refusals/clients.js'
import { createRateLimit } from '../../lib/rate-limit.js'
import { createRequestCache } from '../../netconf/request-cache.js'
import { sshListenerOptions } from '../../net/listener-options.js'
import { createProxyGate, type ProxyGateTerms } from '../../net/proxy-protocol/gate.js'
import { sourceOf } from '../../net/source.js'
import type { HandshakeCounts } from '../../ssh/admission.js'
import { type AlgorithmLists, offeredAlgorithms, SSH_SOFTWARE } from '../../ssh/algorithms.js'
import { createKeepalive } from '../../ssh/keepalive.js'
import { acceptClient } from '../../ssh/ssh2/certificates.js'
import { socketOf, tolerateRepeatedServiceRequest } from '../../ssh/ssh2/connections.js'
import { boundUnreadAnswers } from '../../ssh/ssh2/flow-control.js'
import { hostKeysFor } from '../../ssh/ssh2/keys.js'
import { ssh2 } from '../../ssh/ssh2/load.js'
import { watchOffer } from '../../ssh/first-bytes.js'
import type { OfferedLists } from '../../ssh/offer.js'
import { watchNegotiation } from '../../ssh/ssh2/negotiation.js'
import type { Log } from '../../telemetry/log.js'
import type { ClientMetrics } from '../../telemetry/metrics.js'
import type { CurrentTracer } from '../../telemetry/traces.js'
import { type Access, type ClientLimits, type ClientServices, serveClient } from './client-connection.js'
import type { EntryPoints } from './entry-points.js'
import { createInspectionBudget } from './guard/inspection-budget.js'
import { createKeyExchangePolicy, type MinimumKeyExchange } from './key-exchange-policy.js'
import { createLoggedIn, type LoggedIn } from './logged-in.js'
import type { LegacyAccess } from './legacy-access.js'
import type { Newcomer } from './newcomer.js'
import { createNewcomers, dismiss, type NewcomerLimits, type Sources } from './newcomers.js'
import { createRefusalLines } from './refusal-lines.js'
import { createRefusalsInNetconf } from './refusals-in-netconf.js'
import { createSeats, type SeatLimits } from './seats.js'
import { createServing } from './serving.js'
import type { EntryPoint } from './target.js'

/** Bounds on clients; times in milliseconds. */
export interface SshEndpointLimits extends NewcomerLimits, SeatLimits, ClientLimits {
  readonly minimumKeyExchange: MinimumKeyExchange
  /** How many bytes of requests the bridge holds at a time, in all sessions, while it checks them against rules. */
  readonly maxInspectedTotal: number
  /** Load balancers before the ports of clients. */
  readonly proxyProtocol: ProxyGateTerms
}

export interface SshEndpointOptions {
  readonly fleet: Fleet
  readonly enrolments: Pick<Enrolments, 'get'>
  readonly access: Access
  readonly auditLog: AuditLog
  readonly entryPoints: EntryPoints
  /** The limits at the start; `configure` changes them. */
  readonly limits: SshEndpointLimits
  readonly log: Log
  readonly metrics: ClientMetrics
  readonly sources: Sources
  /** Who may log in on the server for old clients now; undefined for nobody. */
  readonly legacy?: () => LegacyAccess | undefined
  /** Traces sessions, where traces are switched on. */
  readonly tracer?: CurrentTracer
}

export interface SshEndpoint {
  /** The server of the shared entry point, through which clients reach every device. */
  readonly server: Server
  /** Makes another server for the same clients, on a further port. */
  readonly addServer: () => Server
  /** Makes the server for old clients. */
  readonly addLegacyServer: () => Server
  /** How many connections clients have, and at which step of the login those are that are not through it. */
  readonly connections: number
  readonly handshakes: HandshakeCounts
  /** Of connections that have logged in. */
  readonly keyExchanges: LoggedIn['keyExchanges']
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

/** Lines of one reason: that all connections of clients are in use, or what a load balancer does wrong. */
const REFUSAL_LINES = { each: 10, all: 10, interval: 10_000 }

/** A client's connection, of which the bridge has read nothing yet. */
interface Arrival {
  readonly entryPoint: EntryPoint
  readonly newcomer: Newcomer
  /** The algorithms that it offers, once it has. */
  readonly offered: () => OfferedLists | undefined
  /** Who may use the server for old clients, where it came in by that. */
  readonly legacy?: () => LegacyAccess | undefined
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
  const loggedIn = createLoggedIn()
  const keyExchangePolicy = createKeyExchangePolicy(() => limits.minimumKeyExchange)
  const refusalsInNetconf = createRefusalsInNetconf()
  const clients = new Map<Socket, Arrival>()
  const mayTell = createRateLimit(REFUSAL_LINES)

  const greet = (connection: Connection): void => {
    const socket = socketOf(connection)
    const arrival = clients.get(socket)
    acceptClient(connection, {
      accepted: arrival?.legacy?.()?.lists.pubkeyAcceptedAlgorithms,
      objectTo: keyExchangePolicy.objectTo((refusal) => newcomers.note(socket, refusal)),
    })
    tolerateRepeatedServiceRequest(connection)
    boundUnreadAnswers(connection)
    // The client hung up before the bridge read its SSH identification.
    if (arrival === undefined) return void connection.end()
    const negotiation = watchNegotiation(connection, arrival.offered)
    arrival.newcomer.govern(connection, negotiation)
    serveClient({ connection, ...arrival, negotiation, limits }, services)
  }
  const sshServers = createSshServers(greet)

  /** Accepts a client's connection; false where there are too many connections already. */
  const serve = (
    socket: Socket,
    entryPoint = entryPoints.at(socket.localAddress),
    legacy?: () => LegacyAccess | undefined,
  ): boolean => {
    socket.on('error', () => undefined)
    if (seats.full) {
      refuseForLack(socket)
      return false
    }
    const newcomer = newcomers.admit(socket)
    if (newcomer === undefined) return false
    socket.once('close', () => clients.delete(socket))
    clients.set(socket, {
      entryPoint,
      newcomer,
      offered: watchOffer(socket),
      ...(legacy === undefined ? {} : { legacy }),
    })
    sshServers.with(entryPoints.hostKeys(entryPoint), legacy?.()?.lists).injectSocket(socket)
    return true
  }
  const refuseForLack = (socket: Socket): void => {
    const { reason, message, toPeer, hint } = clientRefusal('too-many-connections')
    metrics.connectionRefused(reason)
    if (mayTell(reason, '') !== undefined)
      log.warn({ source: sourceOf(socket), reason, connections: clients.size, hint }, `client refused: ${message}`)
    dismiss(socket, toPeer ?? message)
  }

  const gate = createProxyGate(limits.proxyProtocol, (fault, source) => {
    const { reason, message, hint } = clientRefusal(fault.reason, fault.detail)
    metrics.connectionRefused(reason)
    const notLogged = mayTell(reason, '')
    if (notLogged !== undefined)
      log.warn({ source, reason, hint, ...(notLogged === 0 ? {} : { notLogged }) }, `client refused: ${message}`)
  })

  const services: ClientServices = {
    ...options,
    tracer: options.tracer ?? (() => undefined),
    enter: (socket, entryPoint) => serve(socket, entryPoint),
    seats,
    serving,
    held: createInspectionBudget(() => limits.maxInspectedTotal),
    known: createRequestCache<Operation>(),
    refusalLines: createRefusalLines(),
    refusalsInNetconf,
    keepalive: createKeepalive(),
    loggedIn,
    keyExchangePolicy,
  }

  const listeners: Server[] = []
  const listenerOf = (take: (socket: Socket) => void): Server => {
    const listener = createServer(sshListenerOptions, (socket) => gate.admit(socket, () => take(socket)))
    listeners.push(listener)
    return listener
  }
  const addServer = (): Server => listenerOf((socket) => void serve(socket))
  const legacy = options.legacy ?? (() => undefined)
  const stopListening = (): void => {
    for (const listener of listeners) listener.close()
    refusalsInNetconf.hurry()
  }
  return {
    server: addServer(),
    addServer,
    addLegacyServer: () => listenerOf((socket) => void serve(socket, undefined, legacy)),
    get connections() {
      return clients.size
    },
    get handshakes() {
      return newcomers.counts
    },
    keyExchanges: loggedIn.keyExchanges,
    quiet: () => serving.none(),
    serve: (socket, entryPoint) => gate.admit(socket, () => serve(socket, entryPoint)),
    configure: (next) => {
      limits = next
      gate.configure(next.proxyProtocol)
      newcomers.configure(next)
    },
    stopListening,
    close: () => {
      stopListening()
      gate.close()
      for (const socket of clients.keys()) socket.destroy()
    },
  }
}

/**
 * The servers of ssh2, one for each set of host keys that the bridge presents. Without a CA there is one set. None of
 * these servers listens; they are given sockets. A server is garbage once its set of host keys is.
 */
function createSshServers(greet: (connection: Connection) => void): {
  readonly with: (hostKeys: ServerConfig['hostKeys'], lists?: AlgorithmLists) => SshServer
} {
  const byLists = new WeakMap<object, WeakMap<object, SshServer>>()
  return {
    with: (hostKeys, lists) => {
      const servers = byLists.get(lists ?? USUAL) ?? new WeakMap<object, SshServer>()
      byLists.set(lists ?? USUAL, servers)
      const known = servers.get(hostKeys)
      if (known !== undefined) return known
      const server = new ssh2.Server({ ident: SSH_SOFTWARE, ...offerOf(hostKeys, lists) })
      server.on('connection', greet)
      servers.set(hostKeys, server)
      return server
    },
  }
}

/** Stands for the usual algorithms, which are no lists of anybody's. */
const USUAL = {}

function offerOf(
  hostKeys: ServerConfig['hostKeys'],
  lists: AlgorithmLists | undefined,
): Pick<ServerConfig, 'hostKeys' | 'algorithms'> {
  if (lists === undefined) return { hostKeys, algorithms: offeredAlgorithms('server') }
  return {
    hostKeys: hostKeysFor(hostKeys, lists.hostKeyAlgorithms),
    // Of a key of type `ssh-rsa` ssh2 makes one for each of these; here it is for SHA-1 alone.
    algorithms: { ...offeredAlgorithms('server', lists), serverHostKey: ['ssh-rsa'] },
  }
}
