import { inBackground } from '../lib/background.js'
import { createServer, type Server, type Socket } from 'node:net'
import type { Offence, Penalties } from '../lib/penalties.js'
import { networkOf } from '../net/source-network.js'
import { type AdmissionLimits, createAdmission, type Entry, type HandshakeCounts } from '../ssh/admission.js'
import { createKeepalive } from '../ssh/keepalive.js'
import { sshListenerOptions } from '../net/listener-options.js'
import { sourceOf } from '../net/source.js'
import { createSeenDevices } from './seen-devices.js'
import { type CallHome, type CallHomeLimits, receiveCall } from './call-home.js'
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
    const rejectSession = (refusal: Refusal): void => {
      socket.destroy()
      callHome.fleet.refuse({ ...refusal, source })
    }
    const familiar = seenDevices.hasSeen(network)
    // From where a device has attached, others may do wrong: a site has one address.
    const left = familiar ? 0 : penalties.left(network)
    if (left > 0) return rejectSession(penalised(left))
    let hasGivenWay = false
    const entry = admission.enter(network, familiar, () => {
      hasGivenWay = true
      socket.destroy()
    })
    if (!entry.ok) return rejectSession(noRoom(entry.cause))
    calls.add(socket)
    const admitted = {
      call: entry.call,
      network,
      refused: (refusal: Refusal) => {
        const offence = OFFENCE_OF[refusal.reason]
        if (offence !== undefined && !hasGivenWay && !seenDevices.hasSeen(network)) penalties.punish(network, offence)
        return hasGivenWay ? gaveWay : refusal
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

/** What a source is penalised for; a device that nobody approved or whose key changed calls on and on, and does nothing wrong by it. */
const OFFENCE_OF: Readonly<Record<string, Offence>> = {
  'not-ssh': 'garbage',
  'ssh-client': 'unfinished',
  'initiation-malformed': 'garbage',
  'initiation-too-long': 'garbage',
  'initiation-timeout': 'timeout',
  'handshake-timeout': 'timeout',
  'bad-host-key-signature': 'garbage',
  'handshake-failed': 'unfinished',
}

const gaveWay: Refusal = {
  reason: 'gave-way',
  message: 'sent nothing while others had no room',
  hint: 'a device dials again by itself; raise call-home.max-queued-handshakes if this lasts',
}

function penalised(left: number): Refusal {
  return {
    reason: 'penalised',
    message: `calls from there are refused for ${Math.ceil(left / 1000)} s more`,
    hint: 'garbage came from there, or nothing, again and again; if devices share the address, name it in sources.penalties.exempt',
  }
}

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
