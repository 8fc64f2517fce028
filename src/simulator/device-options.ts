import type { Clock } from './clock.js'
import type { BaseVersion, DialectName } from './dialect.js'

/** A device to simulate; times in milliseconds. */
export interface SimulatedDeviceOptions {
  readonly id: string
  /** Where to dial. */
  readonly bridge: { readonly host: string; readonly port: number }
  /** What is sent before SSH; bytes of a test's own are sent as they are. Default `junos`. */
  readonly preamble?: 'junos' | 'calix' | 'none' | Buffer
  /** Makes the Junos initiation sequence carry HOST-KEY and HMAC. */
  readonly secret?: string
  readonly username: string
  readonly password?: string
  /** OpenSSH public key lines that may log in. */
  readonly authorizedKeys?: readonly string[]
  /** A private key in OpenSSH or PEM text; a fresh Ed25519 key by default. */
  readonly hostKey?: string
  readonly dialect?: DialectName
  readonly bases?: readonly BaseVersion[]
  readonly interleave?: boolean
  /** Channels on one connection: 10, as sshd. */
  readonly maxSessions?: number
  /** SSH software version: Junos's OpenSSH in that dialect. */
  readonly ident?: string
  /** How long every reply waits. */
  readonly replyDelay?: number
  /** Junos `keep-alive`: off unless given. */
  readonly keepAlive?: { readonly timeout: number; readonly retry: number }
  readonly loginGraceTime?: number
  /** From the end of a connection to the next attempt. */
  readonly redialDelay?: number
  /** After an attempt that came to nothing: refused, or never logged in. */
  readonly retryDelay?: number
  /** Lengthens each of these delays at random, by up to this share of it. */
  readonly jitter?: number
  /** Before the first attempt. */
  readonly startDelay?: number
  readonly eventLogSize?: number
  readonly maxMessageSize?: number
  readonly clock?: Clock
  readonly random?: () => number
}

/** What Junos does by default, as far as anybody saw. */
export const DEVICE_DEFAULTS = {
  maxSessions: 10,
  loginGraceTime: 120_000,
  redialDelay: 5_000,
  retryDelay: 15_000,
} as const
