import { isIPv4, isIPv6 } from 'node:net'

/** Whether a text is a network such as `10.0.0.0/8` or `2001:db8::/32`, with nothing but zeros behind the prefix, as OpenSSH asks. */
export function isNetwork(text: string): boolean {
  const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? []
  const bits = isIPv4(address) ? bitsOfIPv4(address) : isIPv6(address) ? bitsOfIPv6(address) : ''
  return bits !== '' && Number(length) <= bits.length && !bits.slice(Number(length)).includes('1')
}

function bitsOfIPv4(address: string): string {
  return binary(address.split('.').map(Number), 8)
}

function bitsOfIPv6(address: string): string {
  const [before = [], after] = address.split('::').map((half) => half.split(':').flatMap(groupsOf))
  const zeros = after === undefined ? 0 : 8 - before.length - after.length
  return binary([...before, ...Array.from({ length: zeros }, () => 0), ...(after ?? [])], 16)
}

/** A group of an IPv6 address; its last two may be written as an IPv4 address. */
function groupsOf(text: string): readonly number[] {
  if (text === '') return []
  if (!text.includes('.')) return [Number.parseInt(text, 16)]
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number)
  return [a * 256 + b, c * 256 + d]
}

function binary(numbers: readonly number[], width: number): string {
  return numbers.map((number) => number.toString(2).padStart(width, '0')).join('')
}
