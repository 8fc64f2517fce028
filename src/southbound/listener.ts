import { inBackground } from '../lib/background.js'
import { callHomeRefusal, type CallHomeRefusal, offenceOf } from '../fleet/refusals/call-home.js'
import { createServer, type Server, type Socket } from 'node:net'
import type { Penalties } from '../lib/penalties.js'
import { networkOf } from '../net/source-network.js'
import { type AdmissionLimits, createAdmission, type HandshakeCounts } from '../ssh/admission.js'
import { createKeepalive } from '../ssh/keepalive.js'
import { sshListenerOptions } from '../net/listener-options.js'
import { sourceOf } from '../net/source.js'
import { createSeenDevices } from './seen-devices.js'
import { type CallHome, type CallHomeLimits, receiveCall } from './call-home.js'

export interface CallHomeListener {
  readonly server: Server
  /** Call-home connections that have not become links yet. */
  readonly handshakes: HandshakeCounts
  /** Applies new limits to connections from now on. */
  configure(limits: CallHomeListenerLimits): void
  /** Takes no more calls and drops those that have not become links. */
  close(): void
}

export interface CallHomeListenerLimits extends CallHomeLimits, AdmissionLimits {
  /** Devices, and networks that they called from, that are remembered as ones that were attached before. */
  readonly maxFamiliar: number
}

/** What is known of sources, on all ports. */
export interface CallHomeSources {
  /** Whether a source may take all places that are free. */
  readonly isUnlimited: (network: string) => boolean
  readonly penalties: Pick<Penalties, 'left' | 'punish'>
}

/** Takes call-home connections (RFC 8071 §3.1 C1). The caller makes the server listen. */
export function createCallHomeListener(
  callHome: Omit<CallHome, 'seenDevices' | 'keepalive'>,
  initial: CallHomeListenerLimits,
  { isUnlimited, penalties }: CallHomeSources,
): CallHomeListener {
  let limits = initial
  const admission = createAdmission(initial, { isUnlimited })
  const seenDevices = createSeenDevices(callHome.service, {
    max: () => limits.maxFamiliar,
    onForgotten: callHome.metrics.familiarForgotten,
  })
  const keepalive = createKeepalive()
  const calls = new Set<Socket>()
  const server = createServer(sshListenerOptions, (socket) => {
    // Whoever reads the socket hears of an error by its close; between two readers nobody would listen.
    socket.on('error', heardByClose)
    const source = sourceOf(socket)
    const network = networkOf(socket.remoteAddress ?? '')
    callHome.metrics.connected()
    /** At once, before anything is read: a refused call costs next to nothing. */
    const rejectCall = (refusal: CallHomeRefusal): void => {
      socket.destroy()
      callHome.fleet.refuse({ ...refusal, source })
    }
    const familiar = seenDevices.hasSeen(network)
    // From where a device has attached, others may do wrong: a site has one address.
    const left = familiar ? 0 : penalties.left(network)
    if (left > 0) return rejectCall(callHomeRefusal('penalised', Math.ceil(left / 1000)))
    let hasGivenWay = false
    const entry = admission.enter(network, familiar, () => {
      hasGivenWay = true
      socket.destroy()
    })
    if (!entry.ok) return rejectCall(callHomeRefusal(entry.cause))
    calls.add(socket)
    const admitted = {
      call: entry.call,
      network,
      refused: (refusal: CallHomeRefusal) => {
        const offence = offenceOf(refusal.reason)
        if (offence !== undefined && !hasGivenWay && !seenDevices.hasSeen(network)) penalties.punish(network, offence)
        return hasGivenWay ? callHomeRefusal('gave-way') : refusal
      },
    }
    const received = receiveCall(socket, source, admitted, { ...callHome, seenDevices, keepalive }, limits)
    const over = received.finally(() => {
      entry.call.leave()
      calls.delete(socket)
    })
    inBackground('call-home', over, () => socket.destroy())
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
