import type { AlgorithmKind } from './algorithms.js'
import type { NothingInCommon } from './nothing-in-common.js'
import { createWireReader } from './wire-reader.js'

/** The lists of an SSH_MSG_KEXINIT that are compared, in the order in which they stand in it (RFC 4253 §7.1). */
const KINDS = [
  'kexAlgorithms',
  'hostKeyAlgorithms',
  'ciphers',
  'ciphers',
  'macs',
  'macs',
  'compression',
  'compression',
] as const satisfies readonly AlgorithmKind[]

/** Of ciphers, MACs and compression, from the client to the server and back: lists that belong together. */
const FIRST_CIPHERS = 2
const FIRST_MACS = 4

/** The lists that one side offers, in their order. */
export type OfferedLists = readonly (readonly string[])[]

const KEXINIT = 20
/** Of the packet's length, of the padding's length, of the message's number and of its cookie. */
const LENGTH_BYTES = 4
const PADDING_LENGTH_BYTES = 1
const COOKIE_BYTES = 16

/** Ciphers that authenticate by themselves (RFC 5647, and OpenSSH's PROTOCOL.chacha20poly1305). */
const NEEDS_NO_MAC = /(-gcm|-poly1305)@openssh\.com$/

/** Names that are no algorithms but say what a side can besides. */
const MARKER = /^(ext-info-|kex-strict-)/

/**
 * Where the first packet begins in what a side sends first: behind its identification, which a server may put other
 * lines before (RFC 4253 §4.2); undefined where that is not whole.
 */
export function firstPacketAt(bytes: Buffer): number | undefined {
  let line = 0
  while (!bytes.subarray(line, line + SSH_DASH.length).equals(SSH_DASH)) {
    line = bytes.indexOf('\n', line) + 1
    if (line === 0) return undefined
  }
  const packet = bytes.indexOf('\n', line) + 1
  return packet === 0 ? undefined : packet
}

const SSH_DASH = Buffer.from('SSH-')

/** Whether the identification and the whole packet behind it are there. */
export function hasOffer(bytes: Buffer): boolean {
  const packet = firstPacketAt(bytes)
  if (packet === undefined || bytes.length < packet + LENGTH_BYTES) return false
  return bytes.length >= packet + LENGTH_BYTES + bytes.readUInt32BE(packet)
}

/** The lists of the SSH_MSG_KEXINIT behind an identification; undefined where there is no whole one. */
export function readOffer(bytes: Buffer): OfferedLists | undefined {
  const packet = firstPacketAt(bytes)
  if (packet === undefined || !hasOffer(bytes)) return undefined
  const reader = createWireReader(bytes.subarray(packet + LENGTH_BYTES + PADDING_LENGTH_BYTES))
  if (reader.uint8() !== KEXINIT) return undefined
  reader.bytes(COOKIE_BYTES)
  const lists = KINDS.map(() => reader.string().toString('latin1').split(','))
  return reader.failure() === undefined ? lists : undefined
}

/**
 * The first of the lists that have nothing in common, so that the two sides cannot go on (RFC 4253 §7.1); undefined
 * where they can.
 * @param us which side `ours` is: of what both have the client's best is taken
 */
export function nothingInCommonOf(
  ours: OfferedLists,
  theirs: OfferedLists,
  us: 'client' | 'server',
): NothingInCommon | undefined {
  const [client, server] = us === 'client' ? [ours, theirs] : [theirs, ours]
  const chosen = KINDS.map((_, at) => client[at]?.find((name) => server[at]?.includes(name)))
  const at = KINDS.findIndex((kind, each) => {
    if (chosen[each] !== undefined) return false
    return kind !== 'macs' || !NEEDS_NO_MAC.test(chosen[each - FIRST_MACS + FIRST_CIPHERS] ?? '')
  })
  const kind = KINDS[at]
  if (kind === undefined) return undefined
  return { kind, ours: withoutMarkers(ours[at]), theirs: withoutMarkers(theirs[at]) }
}

function withoutMarkers(names: readonly string[] = []): readonly string[] {
  return names.filter((name) => name !== '' && !MARKER.test(name))
}
