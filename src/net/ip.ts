import { isIPv4, isIPv6 } from 'node:net'

/** An IP address or the start of a network, as a number. */
interface Address {
  readonly bits: 32 | 128
  readonly value: bigint
}

/** Networks in CIDR form; a single address is a network of one. */
export interface Network extends Address {
  readonly prefix: number
}

/**
 * Reads a comma-separated list of addresses and CIDR networks, or gives null when any of them is malformed.
 * Bits behind the prefix must be zero, as OpenSSH asks: `10.0.0.1/8` says two things.
 */
export function parseNetworks(list: string): readonly Network[] | null {
  const networks = list.split(',').map((item) => parseNetwork(item.trim()))
  return networks.some((network) => network === null) ? null : networks.filter((network) => network !== null)
}

/** Reads one address or CIDR network, or gives null when it is malformed. */
export function parseNetwork(text: string): Network | null {
  const [, host, length] = /^([^/]+?)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const address = parseAddress(host ?? '')
  if (address === null) return null
  const prefix = length === undefined ? address.bits : Number(length)
  if (prefix > address.bits) return null
  const network = { ...address, prefix }
  return masked(address.value, network) === address.value ? network : null
}

/** Whether an address, as a socket tells it, lies in one of the networks. An IPv4 address mapped into IPv6 is the IPv4 address. */
export function within(networks: readonly Network[], address: string): boolean {
  const parsed = parseAddress(address)
  if (parsed === null) return false
  return networks.some((network) => network.bits === parsed.bits && masked(parsed.value, network) === network.value)
}

/** The address without zone, and without the IPv6 form that a dual-stack listener gives IPv4 addresses (RFC 4291 §2.5.5.2). */
export function plainAddress(address: string): string {
  return address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '')
}

function masked(value: bigint, { bits, prefix }: Pick<Network, 'bits' | 'prefix'>): bigint {
  const hostBits = BigInt(bits - prefix)
  return (value >> hostBits) << hostBits
}

function parseAddress(text: string): Address | null {
  const address = plainAddress(text)
  if (isIPv4(address)) return { bits: 32, value: number(address.split('.'), 10, 8n) }
  if (!isIPv6(address)) return null
  const groups = address
    // The last two groups may be written as an IPv4 address.
    .replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
      const [a, b, c, d] = bytes.map(Number)
      return `${(((a ?? 0) << 8) | (b ?? 0)).toString(16)}:${(((c ?? 0) << 8) | (d ?? 0)).toString(16)}`
    })
    .split('::')
    .map((part) => part.split(':').filter((group) => group !== ''))
  const [before = [], after = []] = groups
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return { bits: 128, value: number([...before, ...zeros, ...after], 16, 16n) }
}

function number(parts: readonly string[], radix: number, width: bigint): bigint {
  return parts.reduce((value, part) => (value << width) | BigInt(Number.parseInt(part, radix)), 0n)
}
