import type { Duplex, Readable } from 'node:stream'
import type { NegotiatedAlgorithms } from '../ssh/negotiated-algorithms.js'
import type { AgreedKeyExchange } from '../ssh/post-quantum.js'
import type { ChannelPurpose, ChannelRequest, Exit, WindowSize } from '../ssh/session-channel.js'
import type { Evidence } from '../trust/evidence.js'
import type { LoginMethod } from '../trust/login-method.js'
import type { LinkEndReason } from './refusals/link-ends.js'

/** One channel on a link. Its streams honour back-pressure. */
export interface DeviceChannel {
  /** Bytes from and to the device; ending it sends EOF and leaves the other direction open. */
  readonly stream: Duplex
  readonly standardError: Readable
  /** Settles once the device closed the channel and everything it sent was read; with its exit where it told one. */
  readonly closed: Promise<{ readonly exit?: Exit }>
  /** Settles with its exit as soon as the device tells one, whatever is unread; absent where channels have none. */
  readonly exited?: Promise<Exit>
  /** Whether the device has ended its side. Bytes that it sent before may not have been read yet. */
  readonly ended: () => boolean
  /** Whether the device opened the channel without the terminal that was asked for. */
  readonly terminalRefused: boolean
  readonly resize: (size: WindowSize) => void
  /** Signals the device's process; the name is without `SIG` (RFC 4254 §6.9). */
  readonly signal: (name: string) => void
  /** A break of so many milliseconds on the device's terminal (RFC 4335). */
  readonly sendBreak: (milliseconds: number) => void
  /**
   * Sets the function that says whether a client waits for a reply on this channel. While one does, the link's
   * keepalive does not take a silent device for dead. Absent where the transport has no keepalive.
   */
  readonly awaitReply?: (awaited: () => boolean) => void
  /**
   * Why the link below the channel ended, once it did. It is no promise, because the link would keep one for each of
   * the thousands of channels that it outlives.
   */
  readonly linkEnd: () => LinkEnd | undefined
  readonly close: () => void
}

export type ChannelOpening =
  | { readonly ok: true; readonly channel: DeviceChannel }
  | {
      readonly ok: false
      readonly cause: ChannelFailure
      readonly message: string
      /** Of a channel to a port that was not answered: settles once it is, if ever. */
      readonly answered?: Promise<void>
      /** The port of the device's own that a session of a user was to be opened through. */
      readonly port?: number
    }

/**
 * `no-more-sessions`: the device opens no further channel now. `request`: it opened one and refused what it was for.
 * `unanswered`: it has not said anything for too long. Of a channel to one of its ports, `prohibited`: it forbids
 * that; `connect-failed`: nothing took the connection there; `unknown-type`: it knows no such channels. Of a session
 * as its user, `account`: the user is not let in;
 * `account-name`: the device was not asked, since nobody of that name is logged in as themselves; `host-key`: what
 * answered at the device's own port is not the device.
 */
export type ChannelFailure =
  | 'no-more-sessions'
  | 'request'
  | 'unanswered'
  | 'link-closed'
  | 'prohibited'
  | 'connect-failed'
  | 'unknown-type'
  | 'account'
  | 'account-name'
  | 'host-key'

/** The request that a device left unanswered: to open a channel (and serve its request there), or to close it. */
export type ChannelLoss = 'open' | 'close'

export interface LinkEnd {
  readonly reason: LinkEndReason
  readonly message: string
}

/** What a link can carry, by its transport. */
export interface LinkCapacity {
  /**
   * How many channels it can have at a time; absent where the device alone decides, as over SSH. It is one where the
   * connection itself is the session, as over TLS (RFC 7589): the link ends with its channel then.
   */
  readonly channels?: number
  /** The subsystems that can be had on it, and nothing else; absent where the device decides. */
  readonly subsystems?: readonly string[]
}

/** Whether a link can have a channel of this kind at all, whatever the device says to it. */
export function carries({ capacity: { subsystems } }: Pick<Link, 'capacity'>, request: ChannelPurpose): boolean {
  return subsystems === undefined || (request.kind === 'subsystem' && subsystems.includes(request.name))
}

/** An authenticated call-home connection of the device `deviceId`. Its transport has proven that it is that device. */
export interface Link {
  readonly deviceId: string
  /** `address:port` that the device dialled from. */
  readonly source: string
  readonly hostKeyFingerprint: string
  /** What vouched for that key when the link began. */
  readonly provenBy: Evidence
  /**
   * When the certificate ends that vouched for it (ISO 8601): the device's calls prove nothing by it from then on.
   * Absent where none did, or where it never ends.
   */
  readonly certificateValidUntil?: string
  /** The steps by which the device let the bridge in; absent where the transport has no login of its own. */
  readonly loggedInBy?: readonly LoginMethod[]
  /** The name of the credentials that the bridge logged in with; absent where the transport has no login of its own. */
  readonly account?: string | undefined
  /** How the keys of the connection were last exchanged; absent where the transport does not tell. */
  readonly keyExchange?: AgreedKeyExchange | undefined
  /** What else key exchange has agreed on; absent where the transport has another word for it. */
  readonly algorithms?: NegotiatedAlgorithms
  /** The software that the device says it runs, such as its SSH software version `OpenSSH_7.5`. */
  readonly software: string
  readonly capacity: LinkCapacity
  readonly ended: Promise<LinkEnd>
  /** @param user whom a session is for; the bridge itself where not given */
  readonly openChannel: (request: ChannelRequest, user?: string) => Promise<ChannelOpening>
  /** Whether sessions of users are opened as themselves on the device, and not as the account of the link. */
  readonly perUser?: () => boolean
  /** Channels that the device has left unanswered and that may still take one of its sessions. */
  readonly lostChannels: () => number
  /** Has each such channel told from now on, to one listener alone. */
  readonly onChannelLost: (listener: (loss: ChannelLoss) => void) => void
  /**
   * Whether the device sent nothing at all while it left the last such channel unanswered, and a session waits for its
   * reply: it may be busy with that.
   */
  readonly mayBeBusy?: () => boolean
  /** Asks the device whether it is there; settles when it answers, never where it does not. */
  readonly probe: () => Promise<void>
  /**
   * Milliseconds since it was asked whether it is there, where it has said nothing at all since; undefined where it
   * owes no answer: another link of the same device is the better one then. Absent where the transport does not tell.
   */
  readonly unansweredFor?: () => number | undefined
  /** Whether what proved this link still proves it; asked after the configuration changed. */
  readonly stillProven: () => boolean
  /** Whether the weak algorithms that it uses, if any, may still be used; asked then, too. */
  readonly mayStayWeak?: () => boolean
  readonly end: (end: LinkEnd) => void
}
