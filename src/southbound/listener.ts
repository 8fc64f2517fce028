import type { Server, Socket } from 'node:net'
import { callHomeRefusal, type CallHomeRefusal, offenceOf } from '../fleet/refusals/call-home.js'
import { inBackground } from '../lib/background.js'
import type { Penalties } from '../net/penalties.js'
import { createProxyGate, NO_PROXIES, type ProxyGate, type ProxyGateTerms } from '../net/proxy-protocol/gate.js'
import { isOfProxyItself } from '../net/proxy-protocol/proxied.js'
import { networkOf } from '../net/source-network.js'
import { sourceOf } from '../net/source.js'
import { type AdmissionLimits, createAdmission, type HandshakeCounts } from '../ssh/admission.js'
import { type CallHome, type CallHomeLimits, receiveCall } from './call-home.js'
import { createSeenDevices } from './seen-devices.js'
import type { Transport } from './transport.js'

/** Accepts call-home connections over all transports. They share the places for handshakes, and the queue for these. */
export interface CallHomeListener {
  /** Makes a server that accepts calls over a transport (RFC 8071 §3.1 C1). The caller makes it listen. */
  readonly take: (transport: Transport) => Server
  /** Call-home connections that have not become links yet. */
  readonly handshakes: HandshakeCounts
  /** Applies new limits to connections from now on. */
  readonly configure: (limits: CallHomeListenerLimits) => void
  /** Takes no more calls and drops those that have not become links. */
  readonly close: () => void
}

export interface CallHomeListenerOptions extends Omit<CallHome, 'seenDevices'> {
  readonly limits: CallHomeListenerLimits
  readonly sources: CallHomeSources
}

export interface CallHomeListenerLimits extends CallHomeLimits, AdmissionLimits {
  /** How many devices, and networks of devices, are remembered as having been attached before. */
  readonly maxFamiliar: number
  /** Load balancers before the port of a transport, by its kind. */
  readonly proxyProtocol: Readonly<Record<string, ProxyGateTerms>>
}

/** What is known of source networks. All call-home ports share it. */
export interface CallHomeSources {
  /** Whether the limit of connections from one source does not apply to this network. */
  readonly isUnlimited: (network: string) => boolean
  readonly penalties: Pick<Penalties, 'left' | 'punish'>
}

export function createCallHomeListener(options: CallHomeListenerOptions): CallHomeListener {
  const {
    fleet,
    metrics,
    sources: { isUnlimited, penalties },
  } = options
  let { limits } = options
  const admission = createAdmission(limits, { isUnlimited })
  const seenDevices = createSeenDevices(options.service, {
    max: () => limits.maxFamiliar,
    onForgotten: metrics.familiarForgotten,
  })
  const callHome: CallHome = { ...options, seenDevices }
  const calls = new Set<Socket>()
  const servers: Server[] = []
  const gates = new Map<string, ProxyGate>()

  const gateBefore = ({ kind }: Transport): ProxyGate =>
    createProxyGate(limits.proxyProtocol[kind] ?? NO_PROXIES, ({ reason, detail }, source) => {
      metrics.connected()
      fleet.refuse({ ...callHomeRefusal(reason, detail), source })
    })
  const takeCall = (transport: Transport, socket: Socket): void => {
    // A socket without an error listener ends the process. Its readers learn of an error by the event `close`.
    socket.on('error', heardByClose)
    const source = sourceOf(socket)
    const network = networkOf(socket.remoteAddress ?? '')
    metrics.connected()
    /** Refuses the call before anything is read from it, so that it costs next to nothing. */
    const rejectCall = (refusal: CallHomeRefusal): void => {
      socket.destroy()
      fleet.refuse({ ...refusal, source })
    }
    const familiar = seenDevices.hasSeen(network)
    const ofProxy = isOfProxyItself(socket)
    // A network from which a device has attached is not penalised: all devices of a site may share one address.
    const isPenalised = (): boolean => !ofProxy && !seenDevices.hasSeen(network)
    const left = isPenalised() ? penalties.left(network) : 0
    if (left > 0) return rejectCall(callHomeRefusal('penalised', Math.ceil(left / 1000)))
    let hasGivenWay = false
    const entry = admission.enter(network, familiar, () => {
      hasGivenWay = true
      socket.destroy()
    })
    if (!entry.ok) return rejectCall(callHomeRefusal(entry.cause))
    calls.add(socket)
    const refused = (refusal: CallHomeRefusal): CallHomeRefusal | undefined => {
      const offence = offenceOf(refusal.reason)
      if (offence !== undefined && !hasGivenWay && isPenalised()) penalties.punish(network, offence)
      // A health check, of which there is one every other second.
      if (ofProxy && refusal.reason === 'sent-nothing') return undefined
      return hasGivenWay ? callHomeRefusal('gave-way') : refusal
    }
    const received = receiveCall({ transport, socket, source, network, place: entry.call, refused, limits }, callHome)
    const over = received.finally(() => {
      entry.call.leave()
      calls.delete(socket)
    })
    inBackground('call-home', over, () => socket.destroy())
  }

  return {
    take: (transport) => {
      const gate = gateBefore(transport)
      gates.set(transport.kind, gate)
      const server = transport.listen((socket) => gate.admit(socket, () => takeCall(transport, socket)))
      servers.push(server)
      return server
    },
    get handshakes() {
      return admission.counts
    },
    configure: (next) => {
      limits = next
      admission.configure(next)
      for (const [kind, gate] of gates) gate.configure(next.proxyProtocol[kind] ?? NO_PROXIES)
    },
    close: () => {
      for (const server of servers) server.close()
      for (const gate of gates.values()) gate.close()
      for (const socket of calls) socket.destroy()
    },
  }
}

// One function for all sockets. A closure in `takeCall` would keep the call's variables as long as its link lives.
const heardByClose = (): void => undefined
