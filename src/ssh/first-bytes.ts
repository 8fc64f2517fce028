import type { Socket } from 'node:net'
import { hasOffer, type OfferedLists, readOffer } from './offer.js'

/** Bytes that are looked at: an initiation sequence, or the identification and the offer of algorithms. */
const MOST_BYTES = 8 * 1024

/**
 * Looks at what a connection sends first, beside whoever reads it, up to its whole offer of algorithms (RFC 4253 §7.1).
 * @param look is given all that came so far; true says that nothing more is to be looked at
 */
export function watchFirstBytes(socket: Socket, look: (bytes: Buffer) => boolean): void {
  let bytes: Buffer = Buffer.alloc(0)
  const onData = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk.subarray(0, MOST_BYTES - bytes.length)])
    if (look(bytes) || bytes.length >= MOST_BYTES || hasOffer(bytes)) socket.off('data', onData)
  }
  // Before whoever reads it, who would end the connection for the same bytes without a word.
  socket.prependListener('data', onData)
}

/** Reads the other side's offer of algorithms beside ssh2, from its first byte on; undefined until it is whole. */
export function watchOffer(socket: Socket): () => OfferedLists | undefined {
  let offered: OfferedLists | undefined
  watchFirstBytes(socket, (bytes) => {
    offered = readOffer(bytes)
    return offered !== undefined
  })
  return () => offered
}

/** What only one side says in its offer of algorithms (OpenSSH's strict key exchange). */
export const WORD_OF: Readonly<Record<'client' | 'server', string>> = {
  client: 'kex-strict-c-v00@openssh.com',
  server: 'kex-strict-s-v00@openssh.com',
}
