import { describe, expect, it } from 'vitest'
import { networkList, sourceList } from '../../src/net/network-list.js'
import { networkOf } from '../../src/net/source-network.js'

describe('on a list of sources', () => {
  it.each([
    ['::1', '::1', true],
    ['::1', '192.0.2.1', false],
    ['::1', '::ffff:192.0.2.1', false],
    ['2001:db8:1:2::7', '2001:db8:1:2::9', true],
    ['2001:db8:1:2::7', '2001:db8:1:3::7', false],
    ['2001:db8:1:2::/96', '2001:db8:1:2:ffff::1', true],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['127.0.0.0/8', '127.0.0.66', true],
    ['127.0.0.0/8', '::ffff:127.0.0.66', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['::/0', '192.0.2.1', false],
    ['::ffff:10.0.0.0/104', '10.9.9.9', true],
    ['::ffff:10.0.0.0/104', '192.0.2.1', false],
    ['10.0.0.0/8', '', false],
    ['10.0.0.0/8', 'local', false],
  ])('%s: %s %s', (listed, address, found) => {
    expect(sourceList([listed])(networkOf(address))).toBe(found)
  })
})

describe('on a list of networks', () => {
  it.each([
    ['::/64', '::9', true],
    ['::/64', '192.0.2.1', false],
    ['::/64', '::ffff:192.0.2.1', false],
    ['::/0', '2001:db8::1', true],
    ['::/0', '192.0.2.1', false],
    ['::/80', '192.0.2.1', false],
    ['::/95', '::ffff:192.0.2.1', false],
    ['::ffff:0:0/96', '192.0.2.1', true],
    ['::ffff:0:0/96', '2001:db8::1', false],
    ['::ffff:a00:0/104', '10.1.2.3', true],
    ['::ffff:10.0.0.0/104', '::ffff:a01:203', true],
    ['::ffff:10.0.0.0/104', '11.0.0.1', false],
    ['::ffff:10.0.0.1', '10.0.0.1', true],
    ['::ffff:10.0.0.1', '10.0.0.2', false],
    ['0.0.0.0/0', '192.0.2.1', true],
    ['0.0.0.0/0', '::ffff:192.0.2.1', true],
    ['0.0.0.0/0', '::1', false],
    ['10.0.0.0/8', '10.255.255.255', true],
    ['2001:db8::5', '2001:DB8:0::5', true],
    ['2001:db8::5', '2001:db8::6', false],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['10.0.0.0/8', '', false],
    ['::/0', 'unknown', false],
  ])('%s: %s %s', (listed, address, found) => {
    expect(networkList([listed])(address)).toBe(found)
  })
})
