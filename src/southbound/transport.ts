import type { Server, Socket } from 'node:net'
import type { PendingOutcome } from '../fleet/enrolment/pending-connections.js'
import type { Link } from '../fleet/link.js'
import type { CallHomeRefusal } from '../fleet/refusals/call-home.js'
import type { Claim } from '../trust/claim.js'
import type { Evidence } from '../trust/evidence.js'
import type { KnownDevices } from '../trust/known-devices.js'

/**
 * The protocol that a device speaks on the connection that it dials (RFC 8071 §3.1), such as SSH. It turns a socket
 * into a link. `call-home.ts` decides when each step is taken; the transport knows how to take it. A transport gets its
 * trust anchors and credentials when it is made.
 *
 *     listen ──▶ readClaim ──▶ (a place among the handshakes) ──▶ prove ──▶ open ──▶ a link for the fleet
 *                                                                   │
 *                                                                   └─ pending: the bridge holds the connection, and
 *                                                                      sends nothing, until an operator decides
 *
 * A step that fails returns a refusal. The caller then closes the connection, if the step has not.
 */
export interface Transport {
  /** The name of the transport in the configuration, in listeners and logs, such as `ssh`. */
  readonly kind: string
  /**
   * Makes the server that devices dial; the caller makes it listen. `take` gets each connection before anything is read
   * from it.
   */
  readonly listen: (take: (socket: Socket) => void) => Server
  /**
   * Reads what a device says of itself before anything is proven, and leaves everything after it on the socket, paused.
   * A transport whose device says nothing first gives the claim `none` at once.
   * @param timeout milliseconds for the whole of it
   */
  readonly readClaim: (socket: Socket, timeout: number) => Promise<ClaimReading>
  /**
   * Has the device prove that it holds a key, and judges that key. Until then the bridge sends nothing by which a
   * stranger learns more than that a bridge is there.
   */
  readonly prove: (call: ProvingCall) => Promise<Proof>
}

export type ClaimReading =
  | { readonly ok: true; readonly claim: Claim }
  | { readonly ok: false; readonly refusal: CallHomeRefusal }

/** A connection whose device has to prove who it is. */
export interface ProvingCall {
  readonly socket: Socket
  /** `address:port` that the device dialled from. */
  readonly source: string
  readonly claim: Claim
  /** The keys, certificates and secrets that prove devices now. A link keeps this and asks again after each change. */
  readonly known: () => KnownDevices
  /**
   * Waits for an operator to decide on a pending device, up to a limit. The transport judges the device's key again
   * when this settles.
   */
  readonly decision: (pending: PendingDevice, gone: AbortSignal) => Promise<PendingOutcome>
  /** Runs a piece of the handshake's work when this connection has its turn on the event loop. */
  readonly work: (piece: () => void) => void
  readonly limits: TransportLimits
}

export interface PendingDevice {
  readonly deviceId: string
  /** The key that it has proven to hold. */
  readonly key: Buffer
}

/** Bounds on a handshake, and on the link that comes of it; times in milliseconds. */
export interface TransportLimits extends ChannelLimits {
  /** For `prove` and `open` together; the wait for an operator's decision does not count. */
  readonly handshakeTimeout: number
  readonly keepaliveInterval: number
  readonly keepaliveCountMax: number
  readonly maxReplyWait: number
}

/** How long a device may leave a channel unanswered, in milliseconds. */
export interface ChannelLimits {
  /** Until the device has opened the channel and answered the request on it, such as for the subsystem `netconf`. */
  readonly channelOpenTimeout: number
  /** Until the device has closed a channel that the bridge closed, as RFC 4254 §5.3 demands. */
  readonly channelCloseTimeout: number
}

/** `key`: the key that the device showed before it was refused. */
export type Proof =
  | {
      readonly ok: true
      readonly identity: Identity
      /**
       * Logs in to the device with the credentials that are bound to its identity (RFC 8071 §3.1 C7), and settles once
       * the device has let the bridge in. Called once.
       */
      readonly open: () => Promise<LinkOpening>
    }
  | { readonly ok: false; readonly refusal: CallHomeRefusal; readonly key?: Buffer }

/** Who a device has proven to be. */
export interface Identity {
  readonly deviceId: string
  readonly key: Buffer
  readonly because: Evidence
  /** Whether the caller has to store the key as the device's pin, by which its next call is judged. */
  readonly pin: boolean
  /** Why the identity is not proven any more, because a key was revoked for example; undefined while it is. */
  readonly objection: () => CallHomeRefusal | undefined
}

/** `identity`: the last judgement, made when the device let the bridge in. */
export type LinkOpening =
  | { readonly ok: true; readonly link: Link; readonly identity: Identity }
  | { readonly ok: false; readonly refusal: CallHomeRefusal; readonly key?: Buffer }
