import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { tellSource } from '../../../../src/net/proxy-protocol/proxied.js'
import { peerOf, proxyTrust } from '../../../../src/northbound/http/middleware/peer.js'

interface Call {
  readonly from?: string
  readonly to?: string
  readonly encrypted?: boolean
  readonly headers?: Readonly<Record<string, string>>
}

function peer(
  { from = '10.0.0.9', to = '10.0.0.1', encrypted, headers = {} }: Call,
  header: 'x-forwarded' | 'forwarded',
) {
  const socket = { remoteAddress: from, remotePort: 4000, localAddress: to, encrypted }
  return peerOf({ socket, headers } as unknown as IncomingMessage, proxyTrust(['10.0.0.0/8', '2001:db8::5'], header))
}

describe('a call without a proxy', () => {
  it.each<[Call, string, boolean]>([
    [{ from: '127.0.0.1', to: '127.0.0.1' }, '127.0.0.1:4000', true],
    [{ from: '::ffff:127.0.0.1', to: '::ffff:127.0.0.1' }, '127.0.0.1:4000', true],
    [{ from: '::1', to: '::1' }, '[::1]:4000', true],
    [{ from: '192.0.2.1', to: '192.0.2.2' }, '192.0.2.1:4000', false],
    // Of the same machine, yet by an address that others have a way to as well.
    [{ from: '192.0.2.2', to: '192.0.2.2' }, '192.0.2.2:4000', false],
    [{ from: '192.0.2.1', to: '192.0.2.2', encrypted: true }, '192.0.2.1:4000', true],
    [{ from: '10.0.0.9' }, '10.0.0.9:4000', false],
  ])('%j is from %s, secure: %s', (call, source, secure) => {
    expect(peer(call, 'x-forwarded')).toMatchObject({ source, secure, proxied: false })
  })

  it('is not believed what only a proxy may say', () => {
    const headers = { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'https' }
    expect(peer({ from: '192.0.2.1', headers }, 'x-forwarded')).toMatchObject({ address: '192.0.2.1', secure: false })
  })
})

describe('a call through a load balancer', () => {
  /** The ends of the connection to the bridge, and those that the header tells. */
  const through = (wire: Call, source: string, destination: string) => {
    const socket = { remoteAddress: wire.from, remotePort: 4000, localAddress: wire.to, encrypted: wire.encrypted }
    const ends = { source: { address: source, port: 5000 }, destination: { address: destination, port: 80 } }
    tellSource(socket as unknown as Socket, { length: 28, told: ends })
    return peerOf({ socket, headers: {} } as unknown as IncomingMessage, proxyTrust(['10.0.0.0/8'], 'x-forwarded'))
  }
  const local = { from: '127.0.0.1', to: '127.0.0.1' }
  const remote = { from: '10.0.0.5', to: '10.0.0.1' }
  it.each<[string, Call, string, string, boolean]>([
    ['all on this machine', local, '127.0.0.1', '127.0.0.1', true],
    // Somebody on the balancer's own machine, which is another one.
    ['its end of the connection elsewhere', remote, '127.0.0.1', '127.0.0.1', false],
    ['its client elsewhere', local, '192.0.2.7', '192.0.2.1', false],
    ['TLS up to the bridge', { ...remote, encrypted: true }, '192.0.2.7', '192.0.2.1', true],
  ])('is safe or not with %s', (_what, wire, source, destination, secure) => {
    expect(through(wire, source, destination)).toEqual({
      source: `${source}:5000`,
      address: source,
      secure,
      proxied: false,
    })
  })
})

describe('networks of trusted proxies', () => {
  it.each([
    ['::/64', '192.0.2.1', false],
    ['::/64', '::ffff:192.0.2.1', false],
    ['::/64', '::9', true],
    ['::/0', '192.0.2.1', false],
    ['::/0', '2001:db8::1', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['::ffff:192.0.2.0/120', '192.0.2.1', true],
  ])('%s: a call from %s is taken at its word: %s', (trusted, from, proxied) => {
    const socket = { remoteAddress: from, remotePort: 4000, localAddress: '10.0.0.1' }
    const headers = { 'x-forwarded-for': '198.51.100.7' }
    const call = { socket, headers } as unknown as IncomingMessage
    expect(peerOf(call, proxyTrust([trusted], 'x-forwarded'))).toMatchObject({ proxied })
  })
})

describe('a call through a trusted proxy', () => {
  it.each<[Readonly<Record<string, string>>, string, boolean]>([
    [{ 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https' }, '192.0.2.7', true],
    [{ 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'HTTPS' }, '192.0.2.7', true],
    [{ 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'http' }, '192.0.2.7', false],
    [{ 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https, http' }, '192.0.2.7', false],
    [{ 'x-forwarded-for': '192.0.2.7' }, '192.0.2.7', false],
    // What the client wrote itself stands first.
    [{ 'x-forwarded-for': '127.0.0.1, 192.0.2.7, 10.1.1.1', 'x-forwarded-proto': 'https' }, '192.0.2.7', true],
    [{ 'x-forwarded-for': '10.3.3.3, 10.1.1.1', 'x-forwarded-proto': 'https' }, '10.3.3.3', true],
    [{ 'x-forwarded-for': '192.0.2.7:1234', 'x-forwarded-proto': 'https' }, '192.0.2.7:1234', true],
    [{ 'x-forwarded-for': '[2001:db8::9]:1234', 'x-forwarded-proto': 'https' }, '[2001:db8::9]:1234', true],
    [{ 'x-forwarded-for': '::ffff:192.0.2.7', 'x-forwarded-proto': 'https' }, '192.0.2.7', true],
    [{ 'x-forwarded-for': '<script>', 'x-forwarded-proto': 'https' }, 'unknown', true],
    [{ forwarded: 'for=127.0.0.1;proto=https' }, '10.0.0.9:4000', false],
  ])('%j', (headers, source, secure) => {
    expect(peer({ headers }, 'x-forwarded')).toMatchObject({ source, secure })
  })

  it.each([
    ['for=192.0.2.7;proto=https;by=10.0.0.1', '192.0.2.7', true],
    ['For="[2001:db8::9]:4711"; Proto="https"', '[2001:db8::9]:4711', true],
    ['for=192.0.2.7;proto=https, for=10.1.1.1;proto=http', '192.0.2.7', false],
    ['for=_hidden;proto=https', 'unknown', true],
    ['proto=https', 'unknown', true],
  ])('Forwarded: %s', (forwarded, source, secure) => {
    const headers = { forwarded, 'x-forwarded-for': '127.0.0.1' }
    expect(peer({ headers, from: '2001:db8::5' }, 'forwarded')).toMatchObject({ source, secure, proxied: true })
  })
})
