import { BlockList, isIP } from 'node:net'
import { networkOf } from './source-network.js'

/**
 * Reads addresses and networks in CIDR form, as the configuration has checked them.
 * An IPv4 address is also found in the form that it has in IPv6 (RFC 4291 §2.5.5.2).
 */
export function networkList(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/')
    if (prefix === undefined) list.addAddress(address, familyOf(address))
    else list.addSubnet(address, Number(prefix), familyOf(address))
  }
  return list
}

/**
 * The same for sources, which are told apart as `networkOf` does: of an IPv6 address, or a network smaller than a /64, all of its /64.
 */
export function sourceList(networks: readonly string[]): BlockList {
  return networkList(
    networks.map((network) => {
      const [address = '', prefix = '128'] = network.split('/')
      return isIP(address) === 6 && Number(prefix) > 64 ? networkOf(address) : network
    }),
  )
}

/** Whether the first address of a network, as `networkOf` writes it, is on the list. */
export function lists(list: BlockList, network: string): boolean {
  const address = network.replace(/\/\d+$/, '')
  return isIP(address) !== 0 && list.check(address, familyOf(address))
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}
