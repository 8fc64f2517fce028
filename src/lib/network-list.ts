import { BlockList, isIP } from 'node:net'

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

/** Whether the first address of a network, as `networkOf` writes it, is on the list. */
export function lists(list: BlockList, network: string): boolean {
  const address = network.replace(/\/\d+$/, '')
  return isIP(address) !== 0 && list.check(address, familyOf(address))
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}
