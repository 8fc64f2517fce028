import { isIP, SocketAddress } from 'node:net'
import { networkList } from '../../net/network-list.js'

/** What devices are given out of: so many ports or addresses, each with a number from 0. */
export interface EndpointPool<T> {
  readonly size: bigint
  at(number: bigint): T
  holds(value: T): boolean
}

/** Ports from the first to the last. */
export interface PortRange {
  readonly first: number
  readonly last: number
}

/** A network whose host bits are free to give: `network` is its first address as a number, `bits` the length of its prefix. */
export interface AddressPrefix {
  readonly family: 'ipv4' | 'ipv6'
  readonly network: bigint
  readonly bits: number
}

export function portPool({ first, last }: PortRange): EndpointPool<number> {
  return {
    size: BigInt(last - first + 1),
    at: (number) => first + Number(number),
    holds: (port) => port >= first && port <= last,
  }
}

/**
 * The addresses of a prefix in the form in which sockets tell them. The first one is not among them (the network's own in IPv4,
 * the routers' anycast address in IPv6, RFC 4291 §2.6.1), nor is the last one in IPv4, which is for broadcasts.
 */
export function addressPool({ family, network, bits }: AddressPrefix): EndpointPool<string> {
  const width = family === 'ipv4' ? 32 : 128
  const all = 1n << BigInt(width - bits)
  const size = all - (family === 'ipv4' ? 2n : 1n)
  const isMember = networkList([`${addressText(family, network)}/${bits}`])
  const ends = new Set([network, ...(family === 'ipv4' ? [network + all - 1n] : [])].map((n) => addressText(family, n)))
  return {
    size: size > 0n ? size : 0n,
    at: (number) => addressText(family, network + 1n + number),
    holds: (address) => isMember(address) && !ends.has(address),
  }
}

/** An address in the one form that sockets tell: lower case and shortened for IPv6. */
export function canonicalAddress(address: string): string {
  return new SocketAddress({ address, family: familyOf(address) }).address
}

export function familyOf(address: string): AddressPrefix['family'] {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}

function addressText(family: AddressPrefix['family'], value: bigint): string {
  const groupBits = family === 'ipv4' ? 8n : 16n
  const count = family === 'ipv4' ? 4 : 8
  const mask = (1n << groupBits) - 1n
  const groups = Array.from({ length: count }, (_, at) => (value >> (groupBits * BigInt(count - 1 - at))) & mask)
  return family === 'ipv4' ? groups.join('.') : canonicalAddress(groups.map((group) => group.toString(16)).join(':'))
}
