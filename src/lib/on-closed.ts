import type { Readable } from 'node:stream'

/**
 * Calls `closed` once when a stream is closed, also where it is already: `close` is told once, and to nobody who comes
 * late.
 */
export function onClosed(stream: Readable, closed: () => void): void {
  if (stream.closed) closed()
  else stream.once('close', closed)
}
