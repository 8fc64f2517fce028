import {
  ADDRESS_BITS,
  type AddressPrefix,
  addressValue,
  canonicalAddress,
  familyOf,
  isExact,
  unmapped,
} from '../net/ip.js'
import { accepted, type ParseResult } from './parse-result.js'

/** Bits that must be free so that there is an address to give: the first one, and in IPv4 the last one, is nobody's. */
const LEAST_FREE_BITS = { ipv4: 2, ipv6: 1 } as const

/** A prefix whose addresses are given to devices, such as `127.1.0.0/16` or `2001:db8:1::/64`. */
export function readAddressPrefix(written: string): ParseResult<AddressPrefix> {
  const [, address = '', length = ''] = /^([^/%]+)\/(\d{1,3})$/.exec(written) ?? []
  const family = familyOf(address)
  if (family === undefined)
    return { ok: false, message: 'expected a prefix of addresses', hint: 'write it as 127.1.0.0/16 or 2001:db8:1::/64' }
  const width = ADDRESS_BITS[family]
  const bits = Number(length)
  if (bits < 1 || bits > width - LEAST_FREE_BITS[family])
    return {
      ok: false,
      message: `a prefix with addresses to give has a length from 1 to ${width - LEAST_FREE_BITS[family]} here`,
    }
  if (!isExact({ family, address, prefix: bits }))
    return { ok: false, message: `has bits behind the first ${bits}`, hint: 'write the first address of the network' }
  return accepted({ family, network: addressValue(address), bits })
}

/** An address that one device alone is reached at, in the form in which sockets tell it. */
export function readOwnAddress(written: string): ParseResult<string> {
  const canonical = canonicalAddress(written)
  if (canonical === undefined)
    return { ok: false, message: 'expected an IP address', hint: 'an IPv6 address without brackets and without a zone' }
  if (written.includes('%') || unmapped(canonical) !== canonical)
    return { ok: false, message: 'expected a plain IP address', hint: 'without a zone, and IPv4 as 10.99.0.1' }
  return canonical === '::' || canonical === '0.0.0.0'
    ? { ok: false, message: 'is every address of this machine, not one of a device' }
    : accepted(canonical)
}
