import { ADDRESS_BITS, type AddressPrefix, addressText } from '../../net/ip.js'
import { networkListOf } from '../../net/network-list.js'

/** What devices are given out of: so many ports or addresses, each with a number from 0. */
export interface EndpointPool<T> {
  readonly size: bigint
  readonly at: (number: bigint) => T
  readonly holds: (value: T) => boolean
}

/** Ports from the first to the last. */
export interface PortRange {
  readonly first: number
  readonly last: number
}

export function portPool({ first, last }: PortRange): EndpointPool<number> {
  return {
    size: BigInt(last - first + 1),
    at: (number) => first + Number(number),
    holds: (port) => port >= first && port <= last,
  }
}

/**
 * The addresses of a prefix in the form in which sockets tell them. The first one is not among them (the network's own
 * in IPv4, the routers' anycast address in IPv6, RFC 4291 §2.6.1), nor is the last one in IPv4, which is for
 * broadcasts.
 */
export function addressPool({ family, network, bits }: AddressPrefix): EndpointPool<string> {
  const width = ADDRESS_BITS[family]
  const all = 1n << BigInt(width - bits)
  const size = all - (family === 'ipv4' ? 2n : 1n)
  const isMember = networkListOf([{ family, address: addressText(family, network), prefix: bits }])
  const ends = new Set([network, ...(family === 'ipv4' ? [network + all - 1n] : [])].map((n) => addressText(family, n)))
  return {
    size: size > 0n ? size : 0n,
    at: (number) => addressText(family, network + 1n + number),
    holds: (address) => isMember(address) && !ends.has(address),
  }
}
