/** Packets that ssh2 has no method for, or has one that loses something. */
import { sshString, sshUint32 } from '../wire.js'
import type { Protocol } from './internals.js'
import { requireSsh2 } from './load.js'

/** What of ssh2's protocol object it takes to send a packet. */
export type PacketProtocol = Pick<Protocol, '_packetRW'>

const { sendPacket } = requireSsh2('ssh2/lib/protocol/utils.js') as {
  readonly sendPacket: (protocol: PacketProtocol, packet: Buffer, bypass?: boolean) => void
}

/** Sends a payload as it is. */
export function sendPayload(protocol: PacketProtocol, payload: Buffer): void {
  const { write } = protocol._packetRW
  const start = write.allocStart
  const packet = write.alloc(payload.length)
  packet.set(payload, start)
  sendPacket(protocol, write.finalize(packet))
}

/** The same in the middle of a key exchange, where ssh2 would keep it until that is over. */
export function sendInKeyExchange(protocol: PacketProtocol, payload: Buffer): void {
  const { write } = protocol._packetRW
  const start = write.allocStartKEX
  const packet = write.alloc(payload.length, true)
  packet.set(payload, start)
  sendPacket(protocol, write.finalize(packet, true), true)
}

const DISCONNECT = 1

/** An SSH_MSG_DISCONNECT that says why (RFC 4253 §11.1), which ssh2's own does not. */
export function disconnectMessage(reason: number, words: string): Buffer {
  const language = ''
  return Buffer.concat([Buffer.of(DISCONNECT), sshUint32(reason), sshString(words), sshString(language)])
}

/** SSH_MSG_CHANNEL_REQUEST (RFC 4254 §5.4). */
export const CHANNEL_REQUEST_MESSAGE = 98

export interface ChannelRequest {
  /** The peer's number of the channel. */
  readonly recipient: number
  readonly type: string
  readonly wantReply: boolean
  /** What the type has after the common part. */
  readonly fields: readonly Buffer[]
}

/** Sends a request on a channel. */
export function sendChannelRequest(
  protocol: PacketProtocol,
  { recipient, type, wantReply, fields }: ChannelRequest,
): void {
  const head = [Buffer.of(CHANNEL_REQUEST_MESSAGE), sshUint32(recipient), sshString(type), Buffer.of(wantReply ? 1 : 0)]
  sendPayload(protocol, Buffer.concat([...head, ...fields]))
}
