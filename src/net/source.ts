import type { Socket } from 'node:net'
import { unmapped } from './ip.js'

/**
 * `address:port` of the other side of a connection, as every log line names it; an IPv4 address stands in its own form
 * although the listener is dual-stack.
 */
export function sourceOf({ remoteAddress = 'unknown', remotePort = 0 }: Socket): string {
  return hostAndPort(remoteAddress, remotePort)
}

/** `address:port`, an IPv6 address in brackets (RFC 3986 §3.2.2). */
export function hostAndPort(address: string, port: number): string {
  const plain = unmapped(address)
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`
}
