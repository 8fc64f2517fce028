import { isIP } from 'node:net'
import { type AddressFamily, addressText, canonicalAddress, unmapped } from '../ip.js'
import { crc32c } from './crc32c.js'

/**
 * The header of the PROXY protocol, versions 1 and 2 (haproxy's doc/proxy-protocol.txt §2): what a load balancer sends
 * first on a connection that it passes on, to say who dialled it.
 */
export interface ProxyHeader {
  /** Bytes until what the client itself sends. */
  readonly length: number
  /** Who dialled whom; undefined where the balancer says nothing of it, as in a health check of its own. */
  readonly told: ToldEnds | undefined
}

/** The ends of the connection that the balancer passes on. */
export interface ToldEnds {
  readonly source: End
  readonly destination: End
}

export interface End {
  /** Without a zone; an IPv4 address in its own form, even where it was told as one that is mapped into IPv6. */
  readonly address: string
  readonly port: number
}

/** What the bytes that came so far amount to. */
export type HeaderReading =
  | { readonly state: 'incomplete' }
  | { readonly state: 'complete'; readonly header: ProxyHeader }
  | { readonly state: 'refused'; readonly fault: HeaderFault }

/** Why there is no header: something else came, or what came is of no use. `detail` goes into the message. */
export interface HeaderFault {
  readonly reason: 'proxy-header-missing' | 'proxy-header-malformed'
  readonly detail: string
}

const V1_WORD = 'PROXY '
const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

/** The longest line of version 1, with its line end (§2.1). */
const MAX_V1_LENGTH = 107
/** Bytes of version 2 before the addresses. */
const V2_START_LENGTH = 16
/** The longest header of version 2 that is read; haproxy's own have some hundred bytes. */
export const MAX_V2_LENGTH = 4096

/** Whether somebody sends a header, or the beginning of one that nothing else begins with. */
export function isProxyHeader(bytes: Buffer): boolean {
  const isV1 = /^PROXY (TCP4|TCP6|UNKNOWN)[ \r]/.test(bytes.toString('latin1', 0, 16))
  return isV1 || bytes.subarray(0, V2_SIGNATURE.length).equals(V2_SIGNATURE)
}

/** Reads a header that must come. Call it again with all bytes whenever more have come. */
export function readProxyHeader(bytes: Buffer): HeaderReading {
  if (beginsWith(bytes, Buffer.from(V1_WORD))) return readV1(bytes)
  return beginsWith(bytes, V2_SIGNATURE) ? readV2(bytes) : refused('proxy-header-missing', whatElse(bytes))
}

/** Whether bytes are the beginning of a word, or begin with it. */
function beginsWith(bytes: Buffer, word: Buffer): boolean {
  const length = Math.min(bytes.length, word.length)
  return bytes.subarray(0, length).equals(word.subarray(0, length))
}

/** What came instead, for whoever looks why. */
function whatElse(bytes: Buffer): string {
  if (bytes[0] === 0x16 && bytes[1] === 0x03) return 'a TLS ClientHello'
  const text = bytes.toString('latin1', 0, 32)
  if (text.startsWith('SSH-')) return 'an SSH identification'
  if (/^\s*(MSG-ID|MSG-VER|DEVICE-ID)\s*:/i.test(text)) return 'an initiation sequence'
  return /^[A-Z]{3,10} \S/.test(text) ? 'an HTTP request' : 'something else'
}

function readV1(bytes: Buffer): HeaderReading {
  const end = bytes.subarray(0, MAX_V1_LENGTH).indexOf('\r\n')
  if (end === -1) return bytes.length < MAX_V1_LENGTH ? INCOMPLETE : malformed('its line does not end')
  const [, family, from = '', to = '', fromPort = '', toPort = '', ...more] = bytes
    .toString('latin1', 0, end)
    .split(' ')
  const length = end + 2
  // What stands behind this word is to be ignored.
  if (family === 'UNKNOWN') return complete(length, undefined)
  if (family !== 'TCP4' && family !== 'TCP6') return malformed('it names neither TCP4 nor TCP6')
  const version = family === 'TCP4' ? 4 : 6
  const [source, destination] = [endOf(from, fromPort, version), endOf(to, toPort, version)]
  if (source === undefined || destination === undefined || more.length > 0)
    return malformed(`its addresses or ports are none of ${family}`)
  return complete(length, { source, destination })
}

function endOf(written: string, port: string, version: 4 | 6): End | undefined {
  // An address with a zone is one of the balancer's own network, and means nothing elsewhere.
  const address = isIP(written) === version && !written.includes('%') ? canonicalAddress(written) : undefined
  const number = /^(0|[1-9]\d{0,4})$/.test(port) ? Number(port) : Number.NaN
  return address === undefined || !(number <= MAX_PORT) ? undefined : { address: unmapped(address), port: number }
}

const MAX_PORT = 65_535

/** Half a byte each (§2.2). */
const VERSION = 2
const COMMAND = { local: 0, proxy: 1 } as const
const FAMILY = { unspecified: 0, ipv4: 1, ipv6: 2, unix: 3 } as const
const STREAM = 1

function readV2(bytes: Buffer): HeaderReading {
  if (bytes.length < V2_START_LENGTH) return INCOMPLETE
  const [version, command] = halves(bytes.readUInt8(12))
  const [family, protocol] = halves(bytes.readUInt8(13))
  const length = V2_START_LENGTH + bytes.readUInt16BE(14)
  if (version !== VERSION) return malformed(`its version is ${version}`)
  if (command > COMMAND.proxy) return malformed(`its command is ${command}`)
  if (length > MAX_V2_LENGTH) return malformed(`it has ${length} bytes, and ${MAX_V2_LENGTH} are read at most`)
  if (bytes.length < length) return INCOMPLETE
  const header = bytes.subarray(0, length)
  // A connection of the balancer's own: nothing else in it counts.
  if (command === COMMAND.local) return complete(length, undefined)
  if (family === FAMILY.unspecified) return complete(length, undefined)
  if (family === FAMILY.unix) return malformed('its source is a UNIX socket')
  if (family > FAMILY.unix) return malformed(`its family is ${family}`)
  if (protocol !== STREAM) return malformed('it is not of a TCP connection')
  const ends = endsIn(header, family === FAMILY.ipv4 ? 'ipv4' : 'ipv6')
  if (ends === undefined) return malformed('it ends within its addresses')
  const fault = faultOfFields(header, ends.length)
  return fault === undefined ? complete(length, ends.told) : malformed(fault)
}

function halves(byte: number): readonly [number, number] {
  return [byte >> 4, byte & 0x0f]
}

/** The two addresses, then the two ports; undefined where they do not fit into the header. */
function endsIn(
  header: Buffer,
  family: AddressFamily,
): { readonly told: ToldEnds; readonly length: number } | undefined {
  const width = family === 'ipv4' ? 4 : 16
  const ports = V2_START_LENGTH + 2 * width
  const length = ports + 4
  if (header.length < length) return undefined
  const end = (at: 0 | 1): End => {
    const bytes = header.subarray(V2_START_LENGTH + at * width, V2_START_LENGTH + (at + 1) * width)
    const address = addressText(family, BigInt(`0x${bytes.toString('hex')}`))
    return { address: unmapped(address), port: header.readUInt16BE(ports + at * 2) }
  }
  return { told: { source: end(0), destination: end(1) }, length }
}

/** The type of the field (TLV) that holds a checksum of the whole header. */
const CRC32C_FIELD = 3
const FIELD_START_LENGTH = 3

/** Walks over the fields behind the addresses. All but the checksum are passed over: none is needed here. */
function faultOfFields(header: Buffer, start: number): string | undefined {
  let at = start
  while (at < header.length) {
    if (at + FIELD_START_LENGTH > header.length) return 'it ends within a field'
    const [type, length] = [header.readUInt8(at), header.readUInt16BE(at + 1)]
    const value = at + FIELD_START_LENGTH
    if (value + length > header.length) return 'it ends within a field'
    if (type === CRC32C_FIELD && !hasChecksum(header, value, length)) return 'its checksum is wrong'
    at = value + length
  }
  return undefined
}

/** The sum is made over the header with zeros in its place (§2.2.4). */
function hasChecksum(header: Buffer, at: number, length: number): boolean {
  if (length !== 4) return false
  const summed = Buffer.from(header).fill(0, at, at + length)
  return crc32c(summed) === header.readUInt32BE(at)
}

const INCOMPLETE: HeaderReading = { state: 'incomplete' }

function complete(length: number, told: ToldEnds | undefined): HeaderReading {
  return { state: 'complete', header: { length, told } }
}

function malformed(detail: string): HeaderReading {
  return refused('proxy-header-malformed', detail)
}

function refused(reason: HeaderFault['reason'], detail: string): HeaderReading {
  return { state: 'refused', fault: { reason, detail } }
}
