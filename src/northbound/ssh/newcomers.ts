import type { Socket } from 'node:net'
import { clientRefusal, type ClientRefusalReason, isToldTo } from '../../fleet/refusals/clients.js'
import type { Refusal } from '../../lib/refusal.js'
import { createNewestSet } from '../../lib/newest-set.js'
import type { Penalties } from '../../net/penalties.js'
import { isOfProxyItself } from '../../net/proxy-protocol/proxied.js'
import { createRateLimit } from '../../lib/rate-limit.js'
import { networkOf } from '../../net/source-network.js'
import { createTimeSlicer } from '../../lib/time-slicer.js'
import { earlyGoodbye } from '../../ssh/early-goodbye.js'
import { createAdmission, type HandshakeCounts } from '../../ssh/admission.js'
import type { Log } from '../../telemetry/log.js'
import type { ClientMetrics } from '../../telemetry/metrics.js'
import { sourceOf } from '../../net/source.js'
import { Newcomer } from './newcomer.js'

/** Bounds on connections that have not logged in. */
export interface NewcomerLimits {
  /** Milliseconds from the connection to a login. */
  readonly loginTimeout: number
  /** Connections whose key exchange has not begun, and as many that have begun it and have not logged in. */
  readonly maxUnauthenticated: number
  /** Handshakes that are worked on at a time. */
  readonly maxConcurrentHandshakes: number
  /** The share of the event loop's time that they may take in the long run. */
  readonly maxHandshakeLoad: number
  /** Sources from where somebody logged in that are remembered, the newest. */
  readonly maxFamiliar: number
}

/** What is known of sources, on all ports. */
export interface Sources {
  /** Whether a source may take all places that are free. */
  readonly isUnlimited: (network: string) => boolean
  readonly penalties: Pick<Penalties, 'left' | 'punish'>
}

/**
 * Connections of clients that have not logged in yet: each source has a share of the places, and work for them is done
 * in turns.
 */
export interface Newcomers {
  /** Takes a connection in, or tells it why not, closes it and gives undefined. */
  readonly admit: (socket: Socket) => Newcomer | undefined
  /** Counts and logs a refusal that the client is told otherwise. */
  readonly note: (socket: Socket, refusal: Refusal<ClientRefusalReason>) => void
  readonly counts: HandshakeCounts
  readonly configure: (limits: NewcomerLimits) => void
}

/** Lines of one reason: of a source, and of all. */
const REFUSAL_LINES = { each: 10, all: 50, interval: 10_000 }

export function createNewcomers(options: {
  readonly limits: NewcomerLimits
  readonly sources: Sources
  readonly log: Log
  readonly metrics: Pick<ClientMetrics, 'connectionRefused' | 'familiarForgotten'>
}): Newcomers {
  const { sources, log, metrics } = options
  const { penalties, isUnlimited } = sources
  let { limits } = options
  // Without an end, key exchange for strangers would take all the time that sessions need.
  const slicer = createTimeSlicer({ share: () => limits.maxHandshakeLoad })
  const admission = createAdmission(admissionLimits(limits), { slicer, isUnlimited })
  const familiar = createNewestSet({ max: () => limits.maxFamiliar, onForgotten: metrics.familiarForgotten })
  const limit = createRateLimit(REFUSAL_LINES)

  const refused = new WeakSet<Socket>()

  /** Counts a refusal, and logs it. Of a connection only the first counts: what follows comes of it. */
  const note = (socket: Socket, network: string, { reason, message, hint }: Refusal<ClientRefusalReason>): void => {
    if (refused.has(socket)) return
    refused.add(socket)
    metrics.connectionRefused(reason)
    const notLogged = limit(reason, network)
    if (notLogged === undefined) return
    const fields = { source: sourceOf(socket), reason, hint, ...(notLogged === 0 ? {} : { notLogged }) }
    log[reason === 'no-common-algorithm' ? 'info' : 'warn'](fields, `client refused: ${message}`)
  }

  /** Logs a refusal, tells the client where it is to be told, and closes its connection. */
  const refuse = (socket: Socket, network: string, refusal: Refusal<ClientRefusalReason>): void => {
    const { reason, message, hint } = refusal
    note(socket, network, refusal)
    // Its sshd writes the words into its log.
    if (reason === 'device-on-client-port') sendOff(socket, earlyGoodbye(`this is the port of clients: ${hint}`))
    else if (isToldTo(reason)) dismiss(socket, message)
    else socket.destroy()
  }

  const admit: Newcomers['admit'] = (socket) => {
    const network = networkOf(socket.remoteAddress ?? '')
    // Where somebody has logged in, others of the same address may do wrong.
    const isPenalised = (): boolean => !familiar.has(network) && !isOfProxyItself(socket)
    const left = isPenalised() ? penalties.left(network) : 0
    if (left > 0) {
      refuse(socket, network, clientRefusal('penalised', Math.ceil(left / 1000)))
      return undefined
    }
    const entry = admission.enter(network, familiar.has(network), () =>
      refuse(socket, network, clientRefusal('gave-way')),
    )
    if (!entry.ok) {
      const reason = entry.cause === 'too-many-handshakes' ? 'too-many-unauthenticated' : entry.cause
      refuse(socket, network, clientRefusal(reason))
      return undefined
    }
    return new Newcomer(socket, {
      call: entry.call,
      loginTimeout: limits.loginTimeout,
      rank: () => (familiar.has(network) ? 'familiar' : 'stranger'),
      refuse: (refusal) => refuse(socket, network, refusal),
      note: (refusal) => note(socket, network, refusal),
      onOffence: (offence) => {
        if (isPenalised()) penalties.punish(network, offence)
      },
      onLogin: () => familiar.add(network),
    })
  }

  return {
    admit,
    note: (socket, refusal) => note(socket, networkOf(socket.remoteAddress ?? ''), refusal),
    get counts() {
      return admission.counts
    },
    configure: (next) => {
      limits = next
      admission.configure(admissionLimits(next))
    },
  }
}

function admissionLimits({ loginTimeout, maxUnauthenticated, maxConcurrentHandshakes }: NewcomerLimits) {
  return {
    maxConcurrentHandshakes,
    maxHandshakes: maxUnauthenticated,
    maxQueuedHandshakes: maxUnauthenticated,
    queueTimeout: loginTimeout,
  }
}

/**
 * Tells a client why it is not served, in a line before the identification (RFC 4253 §4.2), and closes the connection.
 * It has at most what the kernel takes at once: nobody waits for who reads nothing.
 */
export function dismiss(socket: Socket, message: string): void {
  sendOff(socket, `homeport: ${message}\r\n`)
}

function sendOff(socket: Socket, words: Buffer | string): void {
  socket.end(words, () => socket.destroy())
}
