import { describe, expect, it } from 'vitest'
import { crc32c } from '../../../src/net/proxy-protocol/crc32c.js'
import { isProxyHeader, MAX_V2_LENGTH, readProxyHeader } from '../../../src/net/proxy-protocol/header.js'
import { field, ipv6Ends, v2Header, withChecksum } from './headers.js'

const read = (bytes: Buffer | string) =>
  readProxyHeader(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
const told = (source: string, destination: string, from = 56_324, to = 830) => ({
  source: { address: source, port: from },
  destination: { address: destination, port: to },
})
const complete = (length: number, ends: unknown) => ({ state: 'complete', header: { length, told: ends } })
const malformed = (detail: string) => ({ state: 'refused', fault: { reason: 'proxy-header-malformed', detail } })
const missing = (detail: string) => ({ state: 'refused', fault: { reason: 'proxy-header-missing', detail } })

const v1 = 'PROXY TCP4 192.0.2.7 198.51.100.1 56324 830\r\n'
const hex = (groups: string) => groups.replaceAll(':', '').padEnd(32, '0')
const MAPPED = '00000000000000000000ffffc0000207'
const SOURCE6 = `20010db8${'0'.repeat(23)}7`
const DESTINATION6 = `20010db8${'0'.repeat(23)}1`

describe('version 1', () => {
  it.each([
    [v1, told('192.0.2.7', '198.51.100.1')],
    ['PROXY TCP6 2001:DB8::7 2001:db8:0:0::1 56324 830\r\n', told('2001:db8::7', '2001:db8::1')],
    ['PROXY TCP6 ::ffff:192.0.2.7 ::ffff:c633:6401 56324 830\r\n', told('192.0.2.7', '198.51.100.1')],
    ['PROXY TCP6 fe80::1 fe80::2 0 65535\r\n', told('fe80::1', 'fe80::2', 0, 65_535)],
    ['PROXY UNKNOWN\r\n', undefined],
    ['PROXY UNKNOWN ffff::1 anything at all 0 -1 %\r\n', undefined],
  ])('tells who dialled whom, or nothing: %j', (line, ends) => {
    expect(read(line)).toEqual(complete(line.length, ends))
    expect(read(`${line}SSH-2.0-x\r\n`)).toEqual(complete(line.length, ends))
    for (let at = 1; at < line.length; at += 1)
      expect(read(line.slice(0, at)), String(at)).toEqual({ state: 'incomplete' })
  })

  it.each([
    'TCP4 192.0.2.7 198.51.100.1 56324',
    'TCP4 192.0.2.7 198.51.100.1 56324 830 1',
    'TCP4 192.0.2.7  198.51.100.1 56324 830',
    'TCP4 192.0.2.7 198.51.100.1 56324 65536',
    'TCP4 192.0.2.7 198.51.100.1 056324 830',
    'TCP4 192.0.2.7 198.51.100.1 -1 830',
    'TCP4 192.0.2.7 198.51.100.1 1e3 830',
    'TCP4 192.0.2 198.51.100.1 56324 830',
    'TCP4 192.0.2.07 198.51.100.1 56324 830',
    'TCP4 2001:db8::7 2001:db8::1 56324 830',
  ])('is refused with other words: %s', (words) => {
    expect(read(`PROXY ${words}\r\n`)).toEqual(malformed('its addresses or ports are none of TCP4'))
  })

  it('is refused with a zone, which means nothing elsewhere', () => {
    const line = 'PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n'
    expect(read(line)).toEqual(malformed('its addresses or ports are none of TCP6'))
  })

  it('is refused for another family, or a line end that is none', () => {
    expect(read('PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n')).toEqual(malformed('it names neither TCP4 nor TCP6'))
    expect(read('PROXY \r\n')).toEqual(malformed('it names neither TCP4 nor TCP6'))
    expect(read(`${v1.replace('\r', '')}${'x'.repeat(80)}\r\n`)).toEqual(malformed('its line does not end'))
  })

  it('is refused once it is longer than the longest there is', () => {
    const line = (length: number) => `PROXY UNKNOWN ${'x'.repeat(length - 16)}\r\n`
    expect(read(line(107))).toEqual(complete(107, undefined))
    expect(read(line(108))).toEqual(malformed('its line does not end'))
    expect(read(line(108).slice(0, 106))).toEqual({ state: 'incomplete' })
  })
})

describe('version 2', () => {
  it.each([
    ['IPv4', v2Header(), told('192.0.2.7', '198.51.100.1')],
    [
      'IPv6',
      v2Header({ family: 0x21, addresses: ipv6Ends(SOURCE6, DESTINATION6, 56_324, 830) }),
      told('2001:db8::7', '2001:db8::1'),
    ],
    [
      'IPv4 that is mapped into IPv6',
      v2Header({ family: 0x21, addresses: ipv6Ends(MAPPED, MAPPED, 1, 2) }),
      told('192.0.2.7', '192.0.2.7', 1, 2),
    ],
    [
      'a link-local address',
      v2Header({ family: 0x21, addresses: ipv6Ends(hex('fe80'), hex('fe80'), 1, 2) }),
      told('fe80::', 'fe80::', 1, 2),
    ],
    [
      'fields that nobody reads',
      v2Header({ fields: field(0xee, Buffer.alloc(300)) }),
      told('192.0.2.7', '198.51.100.1'),
    ],
    ['an empty field', v2Header({ fields: field(4, Buffer.alloc(0)) }), told('192.0.2.7', '198.51.100.1')],
    ['a right checksum', withChecksum({ fields: field(5, Buffer.from('id')) }), told('192.0.2.7', '198.51.100.1')],
    ['a health check', v2Header({ command: 0, family: 0, addresses: Buffer.alloc(0) }), undefined],
    ['a health check with an address, which does not count', v2Header({ command: 0 }), undefined],
    [
      'a health check with any bytes',
      v2Header({ command: 0, family: 0x31, addresses: Buffer.alloc(50, 7) }),
      undefined,
    ],
    ['a source that is not told', v2Header({ family: 0, addresses: Buffer.alloc(0) }), undefined],
  ])('tells who dialled whom, or nothing: %s', (_what, header, ends) => {
    expect(read(header)).toEqual(complete(header.length, ends))
    expect(read(Buffer.concat([header, header]))).toEqual(complete(header.length, ends))
    for (let at = 1; at < header.length; at += 1) expect(read(header.subarray(0, at))).toEqual({ state: 'incomplete' })
  })

  it.each([
    ['another version', v2Header({ version: 1 }), 'its version is 1'],
    ['another command', v2Header({ command: 2 }), 'its command is 2'],
    ['another family', v2Header({ family: 0x41 }), 'its family is 4'],
    ['UDP', v2Header({ family: 0x12 }), 'it is not of a TCP connection'],
    ['no protocol', v2Header({ family: 0x10 }), 'it is not of a TCP connection'],
    ['a UNIX socket', v2Header({ family: 0x31, addresses: Buffer.alloc(216) }), 'its source is a UNIX socket'],
    ['no room for its addresses', v2Header({ addresses: Buffer.alloc(11) }), 'it ends within its addresses'],
    ['IPv4 where IPv6 is said', v2Header({ family: 0x21 }), 'it ends within its addresses'],
    ['half a field', v2Header({ fields: Buffer.from([1, 0]) }), 'it ends within a field'],
    ['a field that is longer than all', v2Header({ fields: Buffer.from([1, 0, 2, 0]) }), 'it ends within a field'],
    ['a checksum of zero', v2Header({ fields: field(3, Buffer.alloc(4)) }), 'its checksum is wrong'],
    ['a checksum of two bytes', v2Header({ fields: field(3, Buffer.alloc(2)) }), 'its checksum is wrong'],
  ])('is refused with %s', (_what, header, detail) => {
    expect(read(header)).toEqual(malformed(detail))
  })

  it('is refused when one bit of what its checksum covers is another one', () => {
    const right = withChecksum()
    /** Where it says that it is one: else it is a field that nobody reads. */
    const type = right.length - 7
    for (let at = 16; at < right.length; at += 1) {
      if (at === type) continue
      const wrong = Buffer.from(right)
      wrong.writeUInt8(wrong.readUInt8(at) ^ 1, at)
      expect(read(wrong), String(at)).toMatchObject({ state: 'refused' })
    }
  })

  it('is refused at its sixteenth byte when it is too long, and nothing is waited for', () => {
    const header = (length: number) => v2Header({ fields: field(4, Buffer.alloc(length - 16 - 12 - 3)) })
    expect(read(header(MAX_V2_LENGTH))).toMatchObject({ state: 'complete' })
    expect(read(header(MAX_V2_LENGTH + 1).subarray(0, 16))).toEqual(
      malformed('it has 4097 bytes, and 4096 are read at most'),
    )
    expect(read(v2Header({ length: 65_535 }).subarray(0, 15))).toEqual({ state: 'incomplete' })
  })
})

describe('what is no header', () => {
  it.each([
    ['SSH-2.0-OpenSSH_9.2\r\n', 'an SSH identification'],
    ['MSG-ID: DEVICE-CONN-INFO\r\n', 'an initiation sequence'],
    ['GET /readyz HTTP/1.0\r\n\r\n', 'an HTTP request'],
    ['PROPFIND / HTTP/1.1\r\n', 'an HTTP request'],
    ['\u0016\u0003\u0001\u0002\0', 'a TLS ClientHello'],
    ['proxy TCP4 ', 'something else'],
    ['PROXYTCP4', 'something else'],
    ['\r\n\r\nSSH-2.0', 'something else'],
    ['S', 'something else'],
  ])('is known by its first bytes: %j', (bytes, what) => {
    expect(read(bytes)).toEqual(missing(what))
  })

  it('is told from what may become one', () => {
    for (const bytes of ['', 'P', 'PROXY', '\r', '\r\n\r\n\0\r\nQUIT'])
      expect(read(bytes)).toEqual({ state: 'incomplete' })
  })
})

it('one that nobody asked for is known', () => {
  for (const header of [Buffer.from(v1), Buffer.from('PROXY UNKNOWN\r\n'), v2Header()]) {
    expect(isProxyHeader(header)).toBe(true)
    expect(isProxyHeader(header.subarray(0, 10))).toBe(false)
  }
  for (const other of ['PROXY-SERVER: x\r\n', 'PROXY \r\n', 'GET / HTTP/1.0', '\r\n\r\n'])
    expect(isProxyHeader(Buffer.from(other)), other).toBe(false)
})

it('the checksum is that of RFC 3720', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
})

it('thousands of random inputs bring no error but its own', () => {
  let seed = 17
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return (seed >>> 8) % below
  }
  for (let round = 0; round < 10_000; round += 1) {
    const base = round % 3 === 0 ? withChecksum() : round % 3 === 1 ? Buffer.from(v1) : v2Header({ family: 0x21 })
    const bytes = Buffer.from(base.subarray(0, random(base.length + 1)))
    for (let changes = random(4); changes > 0 && bytes.length > 0; changes -= 1)
      bytes.writeUInt8(random(256), random(bytes.length))
    const reading = read(bytes)
    expect(['incomplete', 'complete', 'refused']).toContain(reading.state)
    if (reading.state === 'complete') expect(reading.header.length).toBeLessThanOrEqual(bytes.length)
  }
})
