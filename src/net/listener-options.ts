/** Milliseconds of silence before TCP itself asks whether the other side is there. */
const TCP_KEEPALIVE_DELAY = 30_000

/** Bytes that a socket holds before those who write to it wait. */
const SOCKET_HIGH_WATER_MARK = 256 * 1024

/**
 * What every listener for SSH connections sets on its sockets. Without no-delay a handshake takes ten times as long.
 */
export const sshListenerOptions = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: TCP_KEEPALIVE_DELAY,
  highWaterMark: SOCKET_HIGH_WATER_MARK,
} as const
