import type { Socket } from 'node:net'

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

/** Whether the identification and the whole packet behind it are there: nothing that follows says more. */
function hasOffer(bytes: Buffer): boolean {
  if (!bytes.subarray(0, 4).equals(SSH_DASH)) return false
  const packet = bytes.indexOf('\n') + 1
  return packet > 0 && bytes.length >= packet + 4 && bytes.length >= packet + 4 + bytes.readUInt32BE(packet)
}

const SSH_DASH = Buffer.from('SSH-')

/** What only one side says in its offer of algorithms (OpenSSH's strict key exchange). */
export const WORD_OF: Readonly<Record<'client' | 'server', string>> = {
  client: 'kex-strict-c-v00@openssh.com',
  server: 'kex-strict-s-v00@openssh.com',
}
