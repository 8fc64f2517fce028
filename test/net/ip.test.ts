import { expect, it } from 'vitest'
import { addressText, addressValue, parseExactNetworks, parseNetwork } from '../../src/net/ip.js'
import { networkListOf } from '../../src/net/network-list.js'

const inside = (list: string, address: string): boolean => networkListOf(parseExactNetworks(list) ?? [])(address)

it('knows addresses and networks in all their forms', () => {
  expect(inside('192.0.2.7', '192.0.2.7')).toBe(true)
  expect(inside('192.0.2.7', '192.0.2.8')).toBe(false)
  expect(inside('0.0.0.0/0', '203.0.113.255')).toBe(true)
  expect(inside('0.0.0.0/0', '::1')).toBe(false)
  expect(inside('192.0.2.0/25', '192.0.2.128')).toBe(false)
  expect(inside('10.0.0.0/8, 192.0.2.0/24', '::ffff:192.0.2.9')).toBe(true)
  expect(inside('2001:db8::/32', '2001:DB8:0:0:0:0:0:1')).toBe(true)
  expect(inside('::1', '::1')).toBe(true)
  expect(inside('::/0', '2001:db8::1')).toBe(true)
  expect(inside('fe80::/10', 'fe80::1%eth0')).toBe(true)
  expect(inside('64:ff9b::/96', '64:ff9b::192.0.2.1')).toBe(true)
  expect(inside('64:ff9b::c000:201', '64:ff9b::192.0.2.1')).toBe(true)
  expect(inside('192.0.2.0/24', 'router1')).toBe(false)
})

it('takes no list with anything malformed in it', () => {
  for (const list of [
    '',
    'a',
    '10.0.0.1/8',
    '10.0.0.0/33',
    '2001:db8::/129',
    '10.0.0.0/',
    '10.0.0.0/8,',
    '10/8',
    '10.0.0.0/-1',
    '2001:db8::1/32',
  ])
    expect(parseExactNetworks(list), list).toBeUndefined()
})

it('takes an IPv4 network in the form of IPv6 for the IPv4 network, and only where its prefix is one of IPv4', () => {
  expect(parseNetwork('::ffff:10.0.0.0/104')).toEqual({ family: 'ipv4', address: '10.0.0.0', prefix: 8 })
  expect(parseNetwork('::FFFF:a00:0/104')).toEqual({ family: 'ipv4', address: '10.0.0.0', prefix: 8 })
  expect(parseNetwork('::ffff:10.0.0.1')).toEqual({ family: 'ipv4', address: '10.0.0.1', prefix: 32 })
  expect(parseExactNetworks('::ffff:10.0.0.0/8')).toBeUndefined()
})

it.each(['0.0.0.0', '127.1.0.1', '255.255.255.255'])('knows the number of %s', (address) => {
  expect(addressText('ipv4', addressValue(address))).toBe(address)
})

it.each([
  ['::', '::'],
  ['::1', '::1'],
  ['2001:DB8:0:0:0:0:0:5', '2001:db8::5'],
  ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
])('knows the number of %s, and writes it as %s', (address, canonical) => {
  expect(addressText('ipv6', addressValue(address))).toBe(canonical)
})
