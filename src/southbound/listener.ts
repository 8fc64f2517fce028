import { createServer, type Server, type Socket } from 'node:net'
import { networkOf } from '../lib/source-network.js'
import { type AdmissionLimits, createAdmission, type Entry, type HandshakeCounts } from '../ssh/admission.js'
import { sshListenerOptions } from '../ssh/listener-options.js'
import { sourceOf } from '../telemetry/source.js'
import { createAcquaintances } from './acquaintances.js'
import { type CallHome, type CallHomeLimits, receiveCall } from './call-home.js'
import { createKeepalive } from './keepalive.js'
import type { Refusal } from './refusal.js'

export interface CallHomeListener {
  readonly server: Server
  /** Call-home connections that have not become links yet. */
  readonly handshakes: HandshakeCounts
  /** Applies new limits to connections from now on. */
  configure(limits: CallHomeListenerLimits): void
  /** Takes no more calls and drops those that have not become links. */
  close(): void
}

export interface CallHomeListenerLimits extends CallHomeLimits, AdmissionLimits {}

/** Takes call-home connections (RFC 8071 §3.1 C1). The caller makes the server listen. */
export function createCallHomeListener(
  callHome: Omit<CallHome, 'acquaintances' | 'keepalive'>,
  initial: CallHomeListenerLimits,
): CallHomeListener {
  let limits = initial
  const admission = createAdmission(initial)
  const acquaintances = createAcquaintances(callHome.desk)
  const keepalive = createKeepalive()
  const calls = new Set<Socket>()
  const server = createServer(sshListenerOptions, (socket) => {
    // Whoever reads the socket hears of an error by its close; between two readers nobody would listen.
    socket.on('error', heardByClose)
    const source = sourceOf(socket)
    const network = networkOf(socket.remoteAddress ?? '')
    callHome.metrics.connected()
    const entry = admission.enter(network, acquaintances.knows(network))
    if (!entry.ok) {
      // At once, before anything is read: a refused call costs next to nothing.
      socket.destroy()
      callHome.fleet.refuse({ ...noRoom(entry.cause), source })
      return
    }
    calls.add(socket)
    void receiveCall(
      socket,
      source,
      { call: entry.call, network },
      { ...callHome, acquaintances, keepalive },
      limits,
    ).finally(() => {
      entry.call.leave()
      calls.delete(socket)
    })
  })
  return {
    server,
    get handshakes() {
      return admission.counts
    },
    configure: (next) => {
      limits = next
      admission.configure(next)
    },
    close: () => {
      server.close()
      for (const socket of calls) socket.destroy()
    },
  }
}

// Not made for each socket: it would keep what a call needs for as long as the link that came of it.
const heardByClose = (): void => undefined

function noRoom(cause: Extract<Entry, { ok: false }>['cause']): Refusal {
  return {
    reason: cause,
    message:
      cause === 'too-many-handshakes'
        ? 'too many call-home connections wait for their handshake already'
        : 'this source has more than its share of the call-home connections that wait for their handshake',
    hint: 'a device dials again by itself; raise call-home.max-queued-handshakes if this lasts',
  }
}
