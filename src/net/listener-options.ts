/** Milliseconds of silence before TCP itself asks whether the other side is there. */
const tcpKeepaliveDelay = 30_000

/** Bytes that a socket holds before those who write to it wait. */
const socketHighWaterMark = 256 * 1024

/** What every listener for SSH connections sets on its sockets. Without no-delay a handshake takes ten times as long. */
export const sshListenerOptions = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: tcpKeepaliveDelay,
  highWaterMark: socketHighWaterMark,
} as const
