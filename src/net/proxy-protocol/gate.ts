import type { Socket } from 'node:net'
import { counted } from '../../lib/counted.js'
import { createFairShare } from '../fair-share.js'
import { readFirstBytes } from '../first-bytes.js'
import { networkList } from '../network-list.js'
import { sourceOf } from '../source.js'
import { networkOf } from '../source-network.js'
import { type HeaderFault, type ProxyHeader, readProxyHeader } from './header.js'
import { tellSource } from './proxied.js'

/** From where a listener takes connections with a header, and how long and how many may wait for theirs. */
export interface ProxyGateTerms {
  /** Addresses and networks of load balancers. From there a header must come; from elsewhere none is believed. */
  readonly from: readonly string[]
  /** Milliseconds for the header to arrive. */
  readonly timeout: number
  /** Connections whose header has not arrived. */
  readonly maxWaiting: number
}

/** Of a listener with no load balancer before it: it takes every connection as it comes. */
export const NO_PROXIES: ProxyGateTerms = { from: [], timeout: 1, maxWaiting: 1 }

/** Why a connection from a load balancer is not taken. `detail` goes into the message. */
export interface GateFault {
  readonly reason: HeaderFault['reason'] | 'proxy-header-timeout' | 'too-many-proxied'
  readonly detail: string
}

/** Stands before a listener, and reads the PROXY protocol's headers. */
export interface ProxyGate {
  /**
   * Lets a connection in: at once, or from a load balancer once its header was read. It is then as if it had come
   * without one, from where the header says, and with everything that was sent behind it.
   */
  readonly admit: (socket: Socket, enter: (socket: Socket) => void) => void
  /** Applies to connections from now on. */
  readonly configure: (terms: ProxyGateTerms) => void
  /** Closes the connections that wait for their header. */
  readonly close: () => void
}

/**
 * A connection that ends before it has sent anything is let go without a word: load balancers look in that way whether
 * a port is open.
 * @param refuse is told of a connection that is not taken, and where it came from; the gate closes it
 */
export function createProxyGate(
  initial: ProxyGateTerms,
  refuse: (fault: GateFault, source: string) => void,
): ProxyGate {
  let terms = initial
  let isListed = networkList(initial.from)
  // Of balancers among each other: one that sends no headers takes not all places from the others.
  const places = createFairShare(() => terms.maxWaiting)
  const waiting = new Set<Socket>()

  const admit: ProxyGate['admit'] = (socket, enter) => {
    if (terms.from.length === 0) return enter(socket)
    const { remoteAddress } = socket
    if (remoteAddress !== undefined && !isListed(remoteAddress)) return enter(socket)
    // A socket without an error listener ends the process. The event `close` follows.
    socket.on('error', heardByClose)
    // Gone already, and nobody knows any more from where it came: haproxy's checks end so, by RST.
    if (remoteAddress === undefined) return void socket.destroy()
    const [source, network] = [sourceOf(socket), networkOf(remoteAddress)]
    if (!places.mayHaveMore(network)) {
      socket.destroy()
      return refuse({ reason: 'too-many-proxied', detail: counted(places.holds(network), 'connection') }, source)
    }
    places.take(network)
    waiting.add(socket)
    awaitHeader(socket, terms.timeout, (arrival) => {
      places.give(network)
      waiting.delete(socket)
      if ('header' in arrival) {
        tellSource(socket, arrival.header)
        return enter(socket)
      }
      socket.destroy()
      if (arrival.fault !== undefined) refuse(arrival.fault, source)
    })
  }

  return {
    admit,
    configure: (next) => {
      terms = next
      isListed = networkList(next.from)
    },
    close: () => {
      for (const socket of waiting) socket.destroy()
    },
  }
}

type Arrival = { readonly header: ProxyHeader } | { readonly fault: GateFault | undefined }

/** Reads a header off a socket. */
function awaitHeader(socket: Socket, timeout: number, settle: (arrival: Arrival) => void): void {
  const read = (bytes: Buffer): { readonly value: Arrival; readonly length: number } | undefined => {
    const reading = readProxyHeader(bytes)
    if (reading.state === 'incomplete') return undefined
    if (reading.state === 'refused') return { value: { fault: reading.fault }, length: bytes.length }
    return { value: { header: reading.header }, length: reading.header.length }
  }
  readFirstBytes(socket, { timeout, read }, (first) => {
    if (first.state === 'read') return settle(first.value)
    if (first.state === 'timeout')
      return settle({ fault: { reason: 'proxy-header-timeout', detail: `${timeout / 1000} s` } })
    const ended = { reason: 'proxy-header-malformed', detail: 'it ended in the middle' } as const
    settle({ fault: first.received === 0 ? undefined : ended })
  })
}

// One function for all sockets, so that none keeps the variables of its gate.
const heardByClose = (): void => undefined
