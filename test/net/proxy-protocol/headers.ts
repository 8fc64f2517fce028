import { crc32c } from '../../../src/net/proxy-protocol/crc32c.js'

/** What a header of version 2 is made of; what is not given is as haproxy sends it for a TCP connection over IPv4. */
export interface V2Parts {
  readonly version?: number
  readonly command?: number
  /** Family and protocol, such as 0x11 for TCP over IPv4. */
  readonly family?: number
  /** Addresses and ports. */
  readonly addresses?: Buffer
  /** Fields behind them. */
  readonly fields?: Buffer
  /** What the header says of its length, where that is a lie. */
  readonly length?: number
}

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

export function v2Header({
  version = 2,
  command = 1,
  family = 0x11,
  addresses = ipv4Ends('192.0.2.7', '198.51.100.1', 56_324, 830),
  fields = Buffer.alloc(0),
  length = addresses.length + fields.length,
}: V2Parts = {}): Buffer {
  const start = Buffer.from([(version << 4) | command, family, length >> 8, length & 0xff])
  return Buffer.concat([SIGNATURE, start, addresses, fields])
}

export function ipv4Ends(source: string, destination: string, from: number, to: number): Buffer {
  const bytes = [source, destination].flatMap((address) => address.split('.').map(Number))
  return Buffer.concat([Buffer.from(bytes), ports(from, to)])
}

/** Addresses as 32 hexadecimal digits. */
export function ipv6Ends(source: string, destination: string, from: number, to: number): Buffer {
  return Buffer.concat([Buffer.from(source + destination, 'hex'), ports(from, to)])
}

function ports(from: number, to: number): Buffer {
  return Buffer.from([from >> 8, from & 0xff, to >> 8, to & 0xff])
}

export function field(type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 0xff]), value])
}

/** The same header, whose last field is a checksum. */
export function withChecksum(parts: V2Parts = {}): Buffer {
  const fields = Buffer.concat([parts.fields ?? Buffer.alloc(0), field(3, Buffer.alloc(4))])
  const header = v2Header({ ...parts, fields })
  header.writeUInt32BE(crc32c(header), header.length - 4)
  return header
}
