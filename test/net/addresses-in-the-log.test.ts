import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { hostAndPort, sourceOf } from '../../src/net/source.js'

describe('an address and port', () => {
  it.each([
    ['192.0.2.1', 830, '192.0.2.1:830'],
    ['::ffff:192.0.2.1', 830, '192.0.2.1:830'],
    ['::FFFF:192.0.2.1', 830, '192.0.2.1:830'],
    ['::', 0, '[::]:0'],
    ['::1', 4334, '[::1]:4334'],
    ['2001:db8::1', 1, '[2001:db8::1]:1'],
    ['fe80::1%eth0', 1, '[fe80::1%eth0]:1'],
    // This one only looks like an embedded IPv4 address.
    ['::ffff:c000:201', 1, '[::ffff:c000:201]:1'],
    ['unknown', 0, 'unknown:0'],
  ])('%s and %i are %s', (address, port, text) => {
    expect(hostAndPort(address, port)).toBe(text)
  })

  it('of a socket that is closed already are unknown', () => {
    expect(sourceOf({} as Socket)).toBe('unknown:0')
  })
})
