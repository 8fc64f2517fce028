import { describe, expect, it } from 'vitest'
import { sourceList } from '../../src/lib/network-list.js'
import { networkOf } from '../../src/lib/source-network.js'

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
    ['10.0.0.0/8', '', false],
    ['10.0.0.0/8', 'local', false],
  ])('%s: %s %s', (listed, address, found) => {
    expect(sourceList([listed])(networkOf(address))).toBe(found)
  })
})
