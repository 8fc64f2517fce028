import type { Duplex } from 'node:stream'

/** What a NETCONF server session runs on: one channel of one connection. */
export interface SessionTransport {
  readonly channel: Duplex
  readonly username: string
  readonly sourceHost: string
  /** Calls back once the connection takes more bytes: at once, unless its socket is full. */
  readonly afterDrain: (callback: () => void) => void
  /** Ends the channel, with an exit status for whoever asked for one. */
  readonly end: (exitStatus: number) => void
  /** Closes the channel at once, whatever is still to be written. */
  readonly close: (exitStatus: number) => void
  /** Cuts the whole connection, as a pulled cable that someone noticed. */
  readonly cut: () => void
  /** Calls back once when the channel is gone, however it went. */
  readonly onGone: (listener: () => void) => void
}
