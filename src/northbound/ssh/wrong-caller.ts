import type { Socket } from 'node:net'
import { clientRefusal } from '../../fleet/refusals/clients.js'
import type { Refusal } from '../../lib/refusal.js'

/** Somebody who dialled the port of clients and is none. */
export type WrongCaller = Refusal<`${'device' | 'http' | 'tls'}-on-client-port`>

/** Bytes that are looked at: an initiation sequence, or the identification and the offer of algorithms. */
const MOST_BYTES = 8 * 1024

/** What only a server says in its offer of algorithms (OpenSSH's strict key exchange). */
const SERVERS_WORD = 'kex-strict-s-v00@openssh.com'

/**
 * Says who dialled, from what came first: a device that calls home (a Junos initiation sequence, or an SSH server that
 * shows itself as one), HTTP, or TLS. Undefined where nothing tells a client from that.
 */
export function recogniseWrongCaller(bytes: Buffer): WrongCaller | undefined {
  if (bytes[0] === 0x16 && bytes[1] === 0x03) return clientRefusal('tls-on-client-port')
  const text = bytes.toString('latin1')
  if (/^(GET|HEAD|POST|PUT|DELETE|OPTIONS|CONNECT|PATCH|PRI) /.test(text)) return clientRefusal('http-on-client-port')
  if (/^\s*(MSG-ID|MSG-VER|DEVICE-ID|HOST-KEY|HMAC)\s*:/im.test(text)) return clientRefusal('device-on-client-port')
  if (/^\s*<(version|identity)>/.test(text)) return clientRefusal('device-on-client-port')
  return text.includes(SERVERS_WORD) ? clientRefusal('device-on-client-port') : undefined
}

/** Looks at what a connection sends first, beside whoever reads it. `found` is called once at most. */
export function watchFirstBytes(socket: Socket, found: (caller: WrongCaller) => void): void {
  let bytes: Buffer = Buffer.alloc(0)
  const onData = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk.subarray(0, MOST_BYTES - bytes.length)])
    const caller = recogniseWrongCaller(bytes)
    if (caller !== undefined) found(caller)
    if (caller !== undefined || bytes.length >= MOST_BYTES || hasOffer(bytes)) socket.off('data', onData)
  }
  // Before whoever reads it, who would end the connection for the same bytes without a word.
  socket.prependListener('data', onData)
}

/** Whether the identification and the whole packet behind it are there: nothing that follows says more. */
function hasOffer(bytes: Buffer): boolean {
  if (!bytes.subarray(0, 4).equals(SSH_DASH)) return false
  const packet = bytes.indexOf('\n') + 1
  return packet > 0 && bytes.length >= packet + 4 && bytes.length >= packet + 4 + bytes.readUInt32BE(packet)
}

const SSH_DASH = Buffer.from('SSH-')
