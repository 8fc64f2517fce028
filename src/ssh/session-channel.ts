/**
 * What a channel is opened for, and how its command ended (RFC 4254 §6), in the words of both sides of the bridge.
 */

/** What a session's channel is opened for on the device. */
export type SessionPurpose =
  | { readonly kind: 'subsystem'; readonly name: string }
  | { readonly kind: 'exec'; readonly command: string }
  | { readonly kind: 'shell' }

/**
 * A port of the device's own: the device connects the channel to it on its loopback (`direct-tcpip`, RFC 4254 §7.2),
 * and to nothing else.
 */
export interface PortPurpose {
  readonly kind: 'tcp'
  readonly port: number
}

export type ChannelPurpose = SessionPurpose | PortPurpose

/** The size of a terminal in characters and, where not 0, in pixels (RFC 4254 §6.2). */
export interface WindowSize {
  readonly columns: number
  readonly rows: number
  readonly width: number
  readonly height: number
}

/** A terminal that a client wants its session on. */
export interface Terminal extends WindowSize {
  /** What the variable TERM shall be. */
  readonly type: string
  /** Encoded as RFC 4254 §8 has it, as they came. */
  readonly modes: Buffer
}

export interface EnvironmentVariable {
  readonly name: string
  readonly value: string
}

export type SessionChannelRequest = SessionPurpose & {
  readonly terminal?: Terminal
  readonly environment?: readonly EnvironmentVariable[]
}

export type ChannelRequest = SessionChannelRequest | PortPurpose

/** How a command ended: a status, or the name of a signal without `SIG` (RFC 4254 §6.10). */
export type Exit = { readonly status: number } | ExitSignal

export interface ExitSignal {
  readonly signal: string
  readonly message: string
  readonly coreDumped?: true
}
