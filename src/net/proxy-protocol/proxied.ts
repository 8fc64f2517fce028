import type { Socket } from 'node:net'
import { familyOf, plainAddress } from '../ip.js'
import type { ProxyHeader } from './header.js'

/** What a load balancer said of a connection, and what it is itself. */
export interface Proxied {
  /** Whether it told who dialled. */
  readonly told: boolean
  /**
   * Whether the connection is its own, such as a health check: it told nobody, or itself, as haproxy does in version 1.
   */
  readonly ofItself: boolean
  /** Bytes of its header, which are not the client's. */
  readonly headerLength: number
  /** The ends of the connection from the balancer to the bridge. */
  readonly wire: { readonly remoteAddress: string; readonly localAddress: string }
}

const connections = new WeakMap<Socket, Proxied>()

/**
 * Has a socket say from now on that it comes from where its header says, to whoever asks it: each place that counts,
 * limits or logs by the source follows. Properties of its own hide those that ask the system.
 */
export function tellSource(socket: Socket, { told, length }: ProxyHeader): void {
  const { remoteAddress = '', localAddress = '' } = socket
  connections.set(socket, {
    told: told !== undefined,
    ofItself: told === undefined || told.source.address === plainAddress(remoteAddress),
    headerLength: length,
    wire: { remoteAddress, localAddress },
  })
  if (told === undefined) return
  const { source, destination } = told
  showAddresses(socket, {
    remoteAddress: source.address,
    remotePort: source.port,
    remoteFamily: familyName(source.address),
    localAddress: destination.address,
    localPort: destination.port,
    localFamily: familyName(destination.address),
  })
}

/** What the balancer said of a connection that came through one; undefined for any other. */
export function proxiedBy(socket: Socket): Proxied | undefined {
  return connections.get(socket)
}

/** Whether a connection is a balancer's own. It must not be kept out for what its clients do, nor they for it. */
export function isOfProxyItself(socket: Socket): boolean {
  return connections.get(socket)?.ofItself === true
}

/** How many bytes the client itself has sent. */
export function bytesFromClient(socket: Socket): number {
  return socket.bytesRead - (connections.get(socket)?.headerLength ?? 0)
}

const ADDRESSES = ['remoteAddress', 'remotePort', 'remoteFamily', 'localAddress', 'localPort', 'localFamily'] as const

type Addresses = Readonly<Partial<Record<(typeof ADDRESSES)[number], string | number | undefined>>>

/** Has a socket over another one, of TLS, say what that one says: by itself it asks the system. */
export function tellSourceOf(inner: Socket, outer: Socket): void {
  if (connections.get(inner)?.told === true) showAddresses(outer, inner)
}

function showAddresses(socket: Socket, addresses: Addresses): void {
  for (const name of ADDRESSES)
    Object.defineProperty(socket, name, { value: addresses[name], configurable: true, enumerable: true })
}

function familyName(address: string): string {
  return familyOf(address) === 'ipv4' ? 'IPv4' : 'IPv6'
}
