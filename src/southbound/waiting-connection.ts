import type { Socket } from 'node:net'

/** A connection that waits for its handshake: it costs a socket and the few bytes that the device has sent ahead. */
export interface WaitingConnection {
  /** Aborted once the device has closed it. */
  readonly gone: AbortSignal
  /** Leaves the connection as it was found: paused, with everything that was read on it. */
  readonly stop: () => void
}

/**
 * Bytes that a device may send ahead, its SSH identification and offer of algorithms, before it is not read any
 * further.
 */
const MOST_SENT_AHEAD = 64 * 1024

/** Watches a paused connection. It is read meanwhile, because a paused socket does not hear of its end. */
export function watchWaiting(socket: Socket): WaitingConnection {
  const gone = new AbortController()
  const chunks: Buffer[] = []
  let length = 0
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk)
    length += chunk.length
    if (length > MOST_SENT_AHEAD) socket.pause()
  }
  const onGone = (): void => gone.abort()
  socket.on('data', onData)
  socket.once('end', onGone)
  socket.once('close', onGone)
  socket.resume()
  return {
    gone: gone.signal,
    stop: () => {
      socket.off('data', onData)
      socket.off('end', onGone)
      socket.off('close', onGone)
      socket.pause()
      if (length > 0 && !socket.readableEnded && !socket.destroyed) socket.unshift(Buffer.concat(chunks))
    },
  }
}
