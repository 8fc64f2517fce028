import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ProxyGate } from '../../../net/proxy-protocol/gate.js'
import { proxiedBy, tellSourceOf } from '../../../net/proxy-protocol/proxied.js'
import { standBeforeConnections } from './before-connections.js'

/**
 * Has a server take the connections that a gate lets in. The server that itself listens has to, because its timers
 * begin with that.
 */
export function standBefore(server: HttpServer | HttpsServer, gate: ProxyGate): void {
  /** Connections with a told source that are to speak TLS, by the ends that the system knows. */
  const underTls = new Map<string, Socket>()
  standBeforeConnections(server, (socket, letIn) => {
    const ends = endsOf(socket)
    gate.admit(socket, () => {
      if ('setSecureContext' in server && proxiedBy(socket) !== undefined) {
        underTls.set(ends, socket)
        socket.once('close', () => underTls.delete(ends))
      }
      letIn()
    })
  })
  const tell = (outer: TLSSocket): void => {
    const inner = underTls.get(endsOf(outer))
    if (inner !== undefined) tellSourceOf(inner, outer)
  }
  // Before whoever else listens: they ask where it came from.
  server.prependListener('secureConnection', tell)
  server.prependListener('tlsClientError', (_error: Error, outer: TLSSocket) => tell(outer))
}

/** No two connections that are open have the same. */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return [remoteAddress, remotePort, localAddress, localPort].join(' ')
}
