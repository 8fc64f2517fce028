import { BlockList, isIP, SocketAddress } from 'node:net'
import { networkOf } from './source-network.js'

/** Whether an address is on a list. What is no address is on none. */
export type NetworkList = (address: string) => boolean

/**
 * Reads addresses and networks in CIDR form, as the configuration has checked them.
 * An IPv4 address in the form that it has in IPv6 (RFC 4291 §2.5.5.2) is the IPv4 address, on the list and where it is looked for.
 * IPv4 has a list of its own, because for one `BlockList` every IPv4 address lies in `::/64`.
 */
export function networkList(networks: readonly string[]): NetworkList {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const network of networks) {
    const { address, prefix, family } = plain(network)
    lists[family].addSubnet(address, prefix, family)
  }
  return (text) => {
    if (isIP(text) === 0) return false
    const { address, family } = plain(text)
    return lists[family].check(address, family)
  }
}

/** Whether a source, as `networkOf` writes it, is on a list. */
export type SourceList = (network: string) => boolean

/** The same for sources, which are told apart as `networkOf` does: of an IPv6 address, or a network smaller than a /64, all of its /64. */
export function sourceList(networks: readonly string[]): SourceList {
  const onList = networkList(
    networks.map((network) => {
      const { address, prefix, family } = plain(network)
      return family === 'ipv6' && prefix > 64 ? networkOf(address) : network
    }),
  )
  return (network) => onList(network.replace(/\/\d+$/, ''))
}

interface Network {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

const MAPPED = '::ffff:'
/** Bits before an IPv4 address that is mapped into IPv6. */
const MAPPED_BITS = 96

function plain(network: string): Network {
  const [written = '', length] = network.split('/')
  if (isIP(written) !== 6) return { address: written, prefix: Number(length ?? 32), family: 'ipv4' }
  const prefix = Number(length ?? 128)
  // Also without its zone; and whatever the form it was written in, a mapped address ends with the IPv4 address then.
  const { address } = new SocketAddress({ address: written, family: 'ipv6' })
  const mapped = address.startsWith(MAPPED) ? address.slice(MAPPED.length) : ''
  return isIP(mapped) === 4 && prefix >= MAPPED_BITS
    ? { address: mapped, prefix: prefix - MAPPED_BITS, family: 'ipv4' }
    : { address, prefix, family: 'ipv6' }
}
