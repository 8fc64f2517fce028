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

/** Whether a source, as `networkOf` writes it, is on a list. */
export type SourceList = (network: string) => boolean

/**
 * The same for sources, which are told apart as `networkOf` does: of an IPv6 address, or a network smaller than a /64, all of its /64.
 * IPv4 has a list of its own: for a BlockList, every IPv4 address lies in the /64 of ::1.
 */
export function sourceList(networks: readonly string[]): SourceList {
  const widened = networks.map((network) => {
    const [address = '', prefix = '128'] = network.split('/')
    return familyOf(address) === 'ipv6' && Number(prefix) > 64 ? networkOf(address) : network
  })
  const listOf = (family: Family): BlockList =>
    networkList(widened.filter((network) => familyOf(network.replace(/\/.*$/, '')) === family))
  const lists = { ipv4: listOf('ipv4'), ipv6: listOf('ipv6') }
  return (network) => {
    const address = network.replace(/\/\d+$/, '')
    const family = familyOf(address)
    return isIP(address) !== 0 && lists[family].check(address, family)
  }
}

type Family = 'ipv4' | 'ipv6'

function familyOf(address: string): Family {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}
