import { isIP, isIPv4, SocketAddress } from 'node:net'
import { accepted, type ParseResult } from './parse-result.js'

/** A network: its first address as a number, and how many bits of an address are fixed. */
export interface AddressPrefix {
  readonly family: 'ipv4' | 'ipv6'
  readonly network: bigint
  readonly bits: number
  /** `network/bits`, as it was written. */
  readonly text: string
}

/** Bits that must be free so that there is an address to give: the first one, and in IPv4 the last one, is nobody's. */
const leastFreeBits = { ipv4: 2, ipv6: 1 } as const

/** A prefix whose addresses are given to devices, such as `127.1.0.0/16` or `2001:db8:1::/64`. */
export function readAddressPrefix(written: string): ParseResult<AddressPrefix> {
  const [, address = '', length = ''] = /^([^/%]+)\/(\d{1,3})$/.exec(written) ?? []
  if (isIP(address) === 0)
    return { ok: false, message: 'expected a prefix of addresses', hint: 'write it as 127.1.0.0/16 or 2001:db8:1::/64' }
  const family = isIPv4(address) ? 'ipv4' : 'ipv6'
  const width = family === 'ipv4' ? 32 : 128
  const bits = Number(length)
  if (bits < 1 || bits > width - leastFreeBits[family])
    return {
      ok: false,
      message: `a prefix with addresses to give has a length from 1 to ${width - leastFreeBits[family]} here`,
    }
  const network = numberOf(address, family)
  const hostBits = BigInt(width - bits)
  if ((network >> hostBits) << hostBits !== network)
    return { ok: false, message: `has bits behind the first ${bits}`, hint: 'write the first address of the network' }
  return accepted({ family, network, bits, text: written })
}

/** An address that one device alone is reached at, in the form in which sockets tell it. */
export function readOwnAddress(written: string): ParseResult<string> {
  if (isIP(written) === 0)
    return { ok: false, message: 'expected an IP address', hint: 'an IPv6 address without brackets and without a zone' }
  if (written.includes('%') || /^::ffff:\d/i.test(written))
    return { ok: false, message: 'expected a plain IP address', hint: 'without a zone, and IPv4 as 10.99.0.1' }
  const canonical = new SocketAddress({ address: written, family: isIPv4(written) ? 'ipv4' : 'ipv6' }).address
  return canonical === '::' || canonical === '0.0.0.0'
    ? { ok: false, message: 'is every address of this machine, not one of a device' }
    : accepted(canonical)
}

function numberOf(address: string, family: AddressPrefix['family']): bigint {
  if (family === 'ipv4') return address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n)
  const canonical = new SocketAddress({ address, family }).address
  const [before = '', after] = canonical.split('::')
  const groups = (text: string): bigint[] => (text === '' ? [] : text.split(':')).flatMap(groupsOf)
  const head = groups(before)
  const tail = groups(after ?? '')
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => 0n)
  return [...head, ...zeros, ...tail].reduce((sum, group) => (sum << 16n) | group, 0n)
}

/** One group of IPv6, or the two of an IPv4 address at its end. */
function groupsOf(group: string): bigint[] {
  if (!group.includes('.')) return [BigInt(`0x${group}`)]
  const value = numberOf(group, 'ipv4')
  return [value >> 16n, value & 0xffffn]
}
