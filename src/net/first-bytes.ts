import type { Socket } from 'node:net'

/** How it went. */
export type FirstBytes<T> =
  | { readonly state: 'read'; readonly value: T }
  | { readonly state: 'timeout' }
  /** It ended, or broke, before enough had come. */
  | { readonly state: 'gone'; readonly received: number }

/**
 * Reads the first bytes of a socket that nobody reads yet, and leaves what came behind them on the socket as if nobody
 * had. Nothing is closed here.
 * @param read is given all that came so far; undefined: more has to come. It bounds how much that is.
 */
export function readFirstBytes<T>(
  socket: Socket,
  options: {
    /** Milliseconds. */
    readonly timeout: number
    readonly read: (bytes: Buffer) => { readonly value: T; readonly length: number } | undefined
  },
  settle: (first: FirstBytes<T>) => void,
): void {
  let bytes = Buffer.alloc(0)
  const finish = (first: FirstBytes<T>): void => {
    clearTimeout(timer)
    socket.off('readable', onReadable).off('end', onGone).off('close', onGone)
    settle(first)
  }
  // The event `data` would leave the socket paused for good, and whoever reads it next waits for ever.
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) return
    bytes = Buffer.concat([bytes, chunk])
    const reading = options.read(bytes)
    if (reading === undefined) return
    const rest = bytes.subarray(reading.length)
    // Nobody listens for it here when it is put back: else it would come to us again, without end.
    socket.off('readable', onReadable)
    if (rest.length > 0) socket.unshift(rest)
    finish({ state: 'read', value: reading.value })
  }
  const onGone = (): void => finish({ state: 'gone', received: bytes.length })
  const timer = setTimeout(() => finish({ state: 'timeout' }), options.timeout)
  // A socket without an error listener ends the process. The event `close` follows.
  socket.on('error', heardByClose)
  socket.on('readable', onReadable).on('end', onGone).on('close', onGone)
}

// One function for all sockets, so that none keeps the variables of who reads it.
const heardByClose = (): void => undefined
