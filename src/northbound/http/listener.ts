import { inBackground } from '../../lib/background.js'
import { createServer as createHttpServer, type Server as HttpServer, type ServerOptions } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import { getRequestListener } from '@hono/node-server'
import type { Log } from '../../telemetry/log.js'
import { sourceOf } from '../../telemetry/source.js'
import type { Api } from './api.js'
import { sameMaterial, type TlsMaterial } from './tls-material.js'

/** Bounds on clients of the HTTP API; times in milliseconds. */
export interface HttpListenerLimits {
  readonly maxConnections: number
  /** For a whole request to arrive, and for the TLS handshake. */
  readonly requestTimeout: number
  /** For the next request on a connection. */
  readonly idleTimeout: number
}

/** The HTTP API on a TCP port. */
export interface HttpListener {
  readonly server: HttpServer | HttpsServer
  /** Applies new limits to connections from now on. */
  configure(limits: HttpListenerLimits): void
  /** Presents another certificate from the next connection on; what is no change is none. */
  present(tls: TlsMaterial): boolean
  /** Settles once no call is under way. */
  quiet(): Promise<void>
  /** Takes no more connections and closes those that are here. */
  close(): void
}

/** TLS 1.2 and later, with Node's own choice of ciphers. */
const minVersion = 'TLSv1.2'

/** Serves an app over TCP, with TLS where there is something to present. The caller makes the server listen. */
export function createHttpListener(
  app: Pick<Api, 'fetch'>,
  initial: HttpListenerLimits,
  tls: TlsMaterial | undefined,
  log: Log,
): HttpListener {
  let presented = tls
  const server = tls === undefined ? createHttpServer(timeoutsOf(initial)) : createTlsServer(tls, initial, log)
  const calls = new Set<object>()
  const whenQuiet = new Set<() => void>()

  const listener = getRequestListener((request, env) => app.fetch(request, env))
  server.on('request', (incoming, outgoing) => {
    calls.add(outgoing)
    outgoing.once('close', () => {
      calls.delete(outgoing)
      if (calls.size > 0) return
      for (const settle of whenQuiet) settle()
      whenQuiet.clear()
    })
    inBackground('http', listener(incoming, outgoing), () => incoming.socket.destroy())
  })
  server.on('drop', (data) =>
    log.warn(
      { source: data?.remoteAddress, connections: server.maxConnections, hint: 'raise endpoint.http.max-connections' },
      'client refused: too many connections',
    ),
  )
  const configure = (limits: HttpListenerLimits): void => {
    server.maxConnections = limits.maxConnections
    Object.assign(server, timeoutsOf(limits))
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
  return { cert, key, minVersion, ...(ca === undefined ? {} : { ca }) } as const
}

/** In the words of Node; both as options and as properties of a server. */
function timeoutsOf({ requestTimeout, idleTimeout }: HttpListenerLimits) {
  return {
    requestTimeout,
    headersTimeout: requestTimeout,
    keepAliveTimeout: idleTimeout,
  } satisfies ServerOptions
}
