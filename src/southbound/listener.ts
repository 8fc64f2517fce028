import { createServer, type Server, type Socket } from 'node:net'
import { sshListenerOptions } from '../ssh/listener-options.js'
import { sourceOf } from '../telemetry/source.js'
import { type CallHome, type CallHomeLimits, receiveCall } from './call-home.js'

export interface CallHomeListener {
  readonly server: Server
  /** Call-home connections that have not become links yet. */
  readonly handshakes: Readonly<Record<'running', number>>
  /** Applies new limits to connections from now on. */
  configure(limits: CallHomeListenerLimits): void
  /** Takes no more calls and drops those that have not become links. */
  close(): void
}

export interface CallHomeListenerLimits extends CallHomeLimits {
  /** Call-home connections that have not become links yet; one more is closed at once. */
  readonly maxHandshakes: number
}

/** Takes call-home connections (RFC 8071 §3.1 C1). The caller makes the server listen. */
export function createCallHomeListener(callHome: CallHome, initial: CallHomeListenerLimits): CallHomeListener {
  let limits = initial
  const handshakes = new Set<Socket>()
  const server = createServer(sshListenerOptions, (socket) => {
    // Whoever reads the socket hears of an error by its close; between two readers nobody would listen.
    socket.on('error', () => undefined)
    const source = sourceOf(socket)
    callHome.metrics.connected()
    if (handshakes.size >= limits.maxHandshakes) {
      socket.destroy()
      callHome.fleet.refuse({
        reason: 'too-many-handshakes',
        message: `${handshakes.size} call-home connections are already in their handshake`,
        hint: 'the device dials again by itself; raise call-home.max-handshakes if this lasts',
        source,
      })
      return
    }
    handshakes.add(socket)
    void receiveCall(socket, source, callHome, limits).finally(() => handshakes.delete(socket))
  })
  return {
    server,
    get handshakes() {
      return { running: handshakes.size }
    },
    configure: (next) => {
      limits = next
    },
    close: () => {
      server.close()
      for (const socket of handshakes) socket.destroy()
    },
  }
}
