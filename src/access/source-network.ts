import { isIPv6 } from 'node:net'

/**
 * What failed logins from an address are counted under: an IPv4 address itself, of an IPv6 address its /64, because whoever has one
 * address there has all of them (RFC 6177, RFC 8981). Anything else, such as `local`, stands for itself.
 * @param address as a socket tells it: with a zone, or as an IPv4 address mapped into IPv6 (RFC 4291 §2.5.5.2)
 */
export function sourceNetwork(address: string): string {
  const plain = address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '')
  if (!isIPv6(plain)) return plain
  const [before = [], after] = plain.split('::').map((half) => half.split(':').filter((group) => group !== ''))
  // A trailing IPv4 part is one group here and two on the wire; the first four groups are not touched by that.
  const missing = after === undefined ? 0 : Math.max(8 - before.length - after.length, 0)
  const groups = [...before, ...Array.from({ length: missing }, () => '0'), ...(after ?? [])]
  const network = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16))
  return `${network.join(':')}::/64`
}
