import { isIP, SocketAddress } from 'node:net'

/**
 * The one reader of IP addresses and networks. Who asks whether an address lies in a network asks `network-list.ts`.
 */

export type AddressFamily = 'ipv4' | 'ipv6'

/** A network in CIDR form; a single address is a network of one. */
export interface Network {
  readonly family: AddressFamily
  /** As `canonicalAddress` gives it. */
  readonly address: string
  readonly prefix: number
}

/**
 * A network whose host bits are free to give: `network` is its first address as a number, `bits` the length of its
 * prefix.
 */
export interface AddressPrefix {
  readonly family: AddressFamily
  readonly network: bigint
  readonly bits: number
}

/** How many bits an address has. */
export const ADDRESS_BITS: Readonly<Record<AddressFamily, number>> = { ipv4: 32, ipv6: 128 }

/**
 * Reads an address or a network, such as `192.0.2.7`, `10.0.0.0/8` or `2001:db8::/32`; undefined when it is neither. An
 * IPv4 address or network in the form that it has in IPv6 (RFC 4291 §2.5.5.2) is the IPv4 one: `::ffff:10.0.0.0/104` is
 * `10.0.0.0/8`.
 */
export function parseNetwork(text: string): Network | undefined {
  const [, written = '', length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const [address, family] = [canonicalAddress(written), familyOf(written)]
  if (address === undefined || family === undefined) return undefined
  const prefix = length === undefined ? ADDRESS_BITS[family] : Number(length)
  if (prefix > ADDRESS_BITS[family]) return undefined
  const ipv4 = unmapped(address)
  return ipv4 !== address && prefix >= MAPPED_BITS
    ? { family: 'ipv4', address: ipv4, prefix: prefix - MAPPED_BITS }
    : { family, address, prefix }
}

/** The same of a network with nothing but zeros behind its prefix, as OpenSSH asks: `10.0.0.1/8` says two things. */
export function parseExactNetwork(text: string): Network | undefined {
  const network = parseNetwork(text)
  return network !== undefined && isExact(network) ? network : undefined
}

/** Reads a comma-separated list of those; undefined when any of them is malformed. */
export function parseExactNetworks(list: string): readonly Network[] | undefined {
  const networks = list.split(',').map((item) => parseExactNetwork(item.trim()))
  const exact = networks.filter((network) => network !== undefined)
  return exact.length === networks.length ? exact : undefined
}

/** Whether the address of a network is its first one. */
export function isExact({ family, address, prefix }: Network): boolean {
  const hostBits = BigInt(ADDRESS_BITS[family] - prefix)
  const value = addressValue(address)
  return (value >> hostBits) << hostBits === value
}

/** Whether all addresses of a network lie within another one. */
export function contains(outer: Network, inner: Network): boolean {
  if (outer.family !== inner.family || outer.prefix > inner.prefix) return false
  const hostBits = BigInt(ADDRESS_BITS[outer.family] - outer.prefix)
  return addressValue(outer.address) >> hostBits === addressValue(inner.address) >> hostBits
}

/** What an address is one of; undefined when it is none. */
export function familyOf(address: string): AddressFamily | undefined {
  return FAMILIES[isIP(address)]
}

const FAMILIES: Readonly<Record<number, AddressFamily>> = { 4: 'ipv4', 6: 'ipv6' }

/**
 * An address in the one form in which sockets tell it: without zone, an IPv6 one shortened and in lower case. Undefined
 * when it is none.
 */
export function canonicalAddress(text: string): string | undefined {
  const family = familyOf(text)
  return family === undefined ? undefined : new SocketAddress({ address: text, family }).address
}

/**
 * The address without zone, and without the IPv6 form that a dual-stack listener gives IPv4 addresses. What is no
 * address stays as it is.
 */
export function plainAddress(address: string): string {
  return unmapped(withoutZone(address))
}

/** An IPv4 address out of `::ffff:192.0.2.7`, the form that sockets give it in IPv6; anything else stays as it is. */
export function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}

/** An address as a number. */
export function addressValue(address: string): bigint {
  if (familyOf(address) === 'ipv4') return joined(address.split('.').map(BigInt), 8n)
  return joined(groupsOf(address).map(BigInt), 16n)
}

/** The address that is this number, in the form of `canonicalAddress`. */
export function addressText(family: AddressFamily, value: bigint): string {
  const [count, width] = family === 'ipv4' ? [4, 8n] : [8, 16n]
  const parts = Array.from({ length: count }, (_, at) =>
    BigInt.asUintN(Number(width), value >> (width * BigInt(count - 1 - at))),
  )
  if (family === 'ipv4') return parts.join('.')
  return new SocketAddress({ address: parts.map((part) => part.toString(16)).join(':'), family }).address
}

/** The eight groups of an IPv6 address, however it is written. */
export function groupsOf(address: string): readonly number[] {
  const [before = [], after] = withoutZone(address)
    .split('::')
    .map((half) => half.split(':').flatMap(numbersOfGroup))
  if (after === undefined) return before
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, '')
}

/** Bits before an IPv4 address that is mapped into IPv6. */
const MAPPED_BITS = 96

/** One group, or the two of an IPv4 address that stands in their place (RFC 4291 §2.2). */
function numbersOfGroup(text: string): readonly number[] {
  if (text === '') return []
  if (!text.includes('.')) return [Number.parseInt(text, 16)]
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number)
  return [a * 256 + b, c * 256 + d]
}

function joined(parts: readonly bigint[], width: bigint): bigint {
  return parts.reduce((value, part) => (value << width) | part, 0n)
}
