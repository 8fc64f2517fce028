import { BlockList, isIP } from 'node:net'
import { type Network, parseNetwork } from './ip.js'
import { networkOf } from './source-network.js'

/** Whether an address is on a list. What is no address is on none. */
export type NetworkList = (address: string) => boolean

/**
 * IPv4 has a list of its own, because for one `BlockList` every IPv4 address lies in `::/64`.
 * @param networks bits behind their prefixes do not count
 */
export function networkListOf(networks: readonly Network[]): NetworkList {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const { address, prefix, family } of networks) lists[family].addSubnet(address, prefix, family)
  return (text) => {
    const given = isIP(text) === 0 ? undefined : parseNetwork(text)
    return given !== undefined && lists[given.family].check(given.address, given.family)
  }
}

/** The same of texts that the configuration has checked. Throws where one is no network. */
export function networkList(texts: readonly string[]): NetworkList {
  return networkListOf(texts.map(checked))
}

/** Whether a source, as `networkOf` writes it, is on a list. */
export type SourceList = (network: string) => boolean

/**
 * The same for sources, which are told apart as `networkOf` does: of an IPv6 address, or a network smaller than a /64,
 * all of its /64.
 */
export function sourceList(texts: readonly string[]): SourceList {
  const onList = networkListOf(
    texts.map((text) => {
      const network = checked(text)
      return network.family === 'ipv6' && network.prefix > 64 ? checked(networkOf(network.address)) : network
    }),
  )
  return (network) => onList(network.replace(/\/\d+$/, ''))
}

function checked(text: string): Network {
  const network = parseNetwork(text)
  if (network === undefined) throw new TypeError('not an address and not a network in CIDR form')
  return network
}
