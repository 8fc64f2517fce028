import { isIPv4, isIPv6 } from 'node:net'
import { groupsOf, plainAddress } from './ip.js'

/**
 * What everything from one host or site is counted under: an IPv4 address itself, of an IPv6 address its /64, because
 * whoever has one address there has all of them (RFC 6177, RFC 8981). Anything else, such as `local`, stands for
 * itself.
 * @param address as a socket tells it: with a zone, or as an IPv4 address mapped into IPv6 (RFC 4291 §2.5.5.2)
 */
export function networkOf(address: string): string {
  const plain = plainAddress(address)
  if (!isIPv6(plain)) return plain
  const network = groupsOf(plain).slice(0, 4)
  return `${network.map((group) => group.toString(16)).join(':')}::/64`
}

/**
 * The network around one of `networkOf`, in which one party may hold many: the /24 of an IPv4 address, the /48 of an
 * IPv6 /64. What is neither has none around it.
 */
export function widerNetworkOf(network: string): string {
  if (isIPv4(network)) return `${network.slice(0, network.lastIndexOf('.'))}.0/24`
  if (!network.endsWith('::/64')) return network
  return `${network.split(':').slice(0, 3).join(':')}::/48`
}
