import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { type HttpClientRefusalReason, httpClientRefusal } from '../../../fleet/refusals/clients.js'
import { inBackground } from '../../../lib/background.js'
import { createRateLimit } from '../../../lib/rate-limit.js'
import type { Refusal } from '../../../lib/refusal.js'
import { createProxyGate, type ProxyGateTerms } from '../../../net/proxy-protocol/gate.js'
import { sourceOf } from '../../../net/source.js'
import type { Log } from '../../../telemetry/log.js'
import type { Api } from '../api.js'
import {
  answerNoConnection,
  answerUnreadable,
  nameHost,
  namesTwoHosts,
  nameWholeServer,
  recogniseProtocol,
} from './bad-requests.js'
import { shareConnections } from './connection-shares.js'
import { serveOneAtATime } from './one-at-a-time.js'
import { refusePlainCallers } from './plain-callers.js'
import { standBefore } from './proxy-gate.js'
import { sameMaterial, type TlsMaterial } from './tls-material.js'

/** Bounds on clients of the HTTP API; times in milliseconds. */
export interface HttpListenerLimits {
  readonly maxConnections: number
  /** Requests of one connection that wait while another one of it is answered. */
  readonly maxPipelinedRequests: number
  /** For the head of a request to arrive. */
  readonly headersTimeout: number
  /** For a whole request to arrive, and for the TLS handshake. */
  readonly requestTimeout: number
  /** For the next request on a connection. */
  readonly idleTimeout: number
  /** Load balancers before the port. */
  readonly proxyProtocol: ProxyGateTerms
}

/** The HTTP API on a TCP port. */
export interface HttpListener {
  readonly server: HttpServer | HttpsServer
  /** Applies new limits to connections from now on. */
  readonly configure: (limits: HttpListenerLimits) => void
  /** Presents another certificate from the next connection on; what is no change is none. */
  readonly present: (tls: TlsMaterial) => boolean
  /** Settles once no call is under way. */
  readonly quiet: () => Promise<void>
  /** Takes no more connections and closes those that are here. */
  readonly close: () => void
}

/** Milliseconds between looks at which connections took too long. */
const CHECKING_INTERVAL = 1_000
/** Lines of one reason why connections were refused. */
const REFUSAL_LINES = { each: 10, all: 10, interval: 10_000 }

export interface HttpListenerOptions {
  readonly tls: TlsMaterial | undefined
  readonly log: Log
  /** Whether a source may have all connections: a proxy, behind which many clients are. */
  readonly isUnlimited: (network: string) => boolean
  /** Counts one, by reason. */
  readonly connectionRefused: (reason: string) => void
}

/** TLS 1.2 and later, with Node's own choice of ciphers. */
const MIN_VERSION = 'TLSv1.2'

/** Serves an app over TCP, with TLS where there is something to present. The caller makes the server listen. */
export function createHttpListener(
  app: Pick<Api, 'fetch'>,
  initial: HttpListenerLimits,
  { tls, log, isUnlimited, connectionRefused }: HttpListenerOptions,
): HttpListener {
  let limits = initial
  let presented = tls
  const mayTell = createRateLimit(REFUSAL_LINES)
  const refused = ({ reason, message, hint }: Refusal<HttpClientRefusalReason>, fields: object): void => {
    connectionRefused(reason)
    const notLogged = mayTell(reason, '')
    if (notLogged !== undefined)
      log.warn({ ...fields, hint, reason, ...(notLogged === 0 ? {} : { notLogged }) }, `client refused: ${message}`)
  }
  const server = tls === undefined ? createHttpServer(timeoutsOf(initial)) : createTlsServer(tls, initial, log)
  const calls = new Set<object>()
  const whenQuiet = new Set<() => void>()

  const plainCallers =
    tls === undefined
      ? undefined
      : refusePlainCallers(server, {
          timeout: () => limits.requestTimeout,
          refuse: (refusal, socket) => refused(refusal, { source: sourceOf(socket) }),
        })
  const listener = getRequestListener((request, env) => app.fetch(request, env))
  shareConnections(server, {
    total: () => limits.maxConnections,
    isUnlimited,
    refuse: (socket, connections) => {
      refused(httpClientRefusal('too-many-from-source'), { source: sourceOf(socket), connections })
      if (tls === undefined) answerNoConnection(socket)
      else socket.destroy()
    },
  })
  const gate = createProxyGate(initial.proxyProtocol, ({ reason, detail }, source) =>
    refused(httpClientRefusal(reason, detail), { source }),
  )
  standBefore(server, gate)
  server.on('clientError', (error: NodeJS.ErrnoException & { readonly rawPacket?: Buffer }, socket: Socket) => {
    const wrong = recogniseProtocol(error.rawPacket)
    if (wrong !== undefined) refused(wrong, { source: sourceOf(socket) })
    answerUnreadable(socket, error)
  })
  const serve = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    if (namesTwoHosts(incoming)) {
      outgoing.writeHead(400, { Connection: 'close' }).end()
      return
    }
    nameHost(incoming)
    nameWholeServer(incoming)
    calls.add(outgoing)
    outgoing.once('close', () => {
      calls.delete(outgoing)
      if (calls.size > 0) return
      for (const settle of whenQuiet) settle()
      whenQuiet.clear()
    })
    inBackground('http', listener(incoming, outgoing), () => incoming.socket.destroy())
  }
  server.on(
    'request',
    serveOneAtATime({
      most: () => limits.maxPipelinedRequests,
      serve,
      tooMany: (socket) => refused(httpClientRefusal('too-many-pipelined'), { source: sourceOf(socket) }),
    }),
  )
  server.on('drop', (data) =>
    refused(httpClientRefusal('too-many-connections'), {
      source: data?.remoteAddress,
      connections: server.maxConnections,
    }),
  )
  const configure = (next: HttpListenerLimits): void => {
    limits = next
    gate.configure(next.proxyProtocol)
    server.maxConnections = next.maxConnections
    Object.assign(server, timeoutsOf(next))
  }
  configure(initial)

  return {
    server,
    configure,
    present: (next) => {
      if (presented === undefined || !('setSecureContext' in server) || sameMaterial(presented, next)) return false
      server.setSecureContext(contextOf(next))
      presented = next
      return true
    },
    quiet: () => (calls.size === 0 ? Promise.resolve() : new Promise((settle) => whenQuiet.add(settle))),
    close: () => {
      server.close()
      gate.close()
      plainCallers?.close()
      server.closeAllConnections()
    },
  }
}

function createTlsServer(tls: TlsMaterial, limits: HttpListenerLimits, log: Log): HttpsServer {
  const server = createHttpsServer({
    ...timeoutsOf(limits),
    ...contextOf(tls),
    handshakeTimeout: limits.requestTimeout,
    requestCert: tls.ca !== undefined,
    rejectUnauthorized: tls.ca !== undefined,
  })
  server.on('tlsClientError', (error, socket) =>
    log.debug({ source: sourceOf(socket), code: (error as NodeJS.ErrnoException).code }, 'TLS handshake failed'),
  )
  return server
}

function contextOf({ cert, key, ca }: TlsMaterial) {
  return { cert, key, minVersion: MIN_VERSION, ...(ca === undefined ? {} : { ca }) } as const
}

/** In the words of Node; both as options and as properties of a server. */
function timeoutsOf({ headersTimeout, requestTimeout, idleTimeout }: HttpListenerLimits) {
  return {
    requestTimeout,
    headersTimeout: Math.min(headersTimeout, requestTimeout),
    keepAliveTimeout: idleTimeout,
    connectionsCheckingInterval: CHECKING_INTERVAL,
  } satisfies ServerOptions
}
