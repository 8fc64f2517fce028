import type { Server, Socket } from 'node:net'
import type { PendingOutcome } from '../fleet/enrolment/pending-connections.js'
import type { Link } from '../fleet/link.js'
import type { CallHomeRefusal } from '../fleet/refusals/call-home.js'
import type { Claim } from '../trust/claim.js'
import type { Evidence } from '../trust/evidence.js'
import type { KnownDevices } from '../trust/known-devices.js'

/**
 * What devices speak on the connections that they dial (RFC 8071 §3.1): the way from a socket to a link. `call-home.ts`
 * decides when each step is taken; a transport knows how. Whatever it needs of its own, such as trust anchors and
 * credentials, it is made with.
 *
 *     listen ──▶ readClaim ──▶ (a place among the handshakes) ──▶ prove ──▶ open ──▶ a link for the fleet
 *                                                                   │
 *                                                                   └─ pending: held until an operator decides, nothing
 * is sent meanwhile
 *
 * A step that fails gives its refusal; the connection is closed by then, or is closed by whoever asked.
 */
export interface Transport {
  /** Names it in listeners and logs, such as `ssh`. */
  readonly kind: string
  /**
   * Makes the server that devices dial; the caller makes it listen. `take` gets each connection with nothing read from
   * it.
   */
  readonly listen: (take: (socket: Socket) => void) => Server
  /**
   * Reads what a device says of itself before anything is proven, and leaves everything after it on the socket, paused.
   * A transport whose device says nothing first gives the claim `none` at once.
   * @param timeout milliseconds for the whole of it
   */
  readonly readClaim: (socket: Socket, timeout: number) => Promise<ClaimReading>
  /**
   * Has the device prove a key, and judges it. The bridge has sent nothing by then that tells a stranger more than that
   * it is there.
   */
  readonly prove: (call: ProvingCall) => Promise<Proof>
}

export type ClaimReading =
  | { readonly ok: true; readonly claim: Claim }
  | { readonly ok: false; readonly refusal: CallHomeRefusal }

/** A connection whose device shall prove who it is. */
export interface ProvingCall {
  readonly socket: Socket
  /** `address:port` that the device dialled from. */
  readonly source: string
  readonly claim: Claim
  /** What can prove each device now. A link asks it again after each change, so it is kept. */
  readonly known: () => KnownDevices
  /**
   * Settles when an operator has decided on a device that nothing vouches for, or when it has waited long enough;
   * judged anew then.
   */
  readonly decision: (pending: PendingDevice, gone: AbortSignal) => Promise<PendingOutcome>
  /** Does a piece of the handshake's work when it is its turn. */
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
  /** For `prove` and `open` together, without what a decision takes. */
  readonly handshakeTimeout: number
  readonly keepaliveInterval: number
  readonly keepaliveCountMax: number
  readonly maxReplyWait: number
}

/** How long a device may leave a channel unanswered, in milliseconds. */
export interface ChannelLimits {
  /** Until it has opened one and answered what it is for. */
  readonly channelOpenTimeout: number
  /** Until it has closed one that the bridge closed (RFC 4254 §5.3: it must, unless it has already). */
  readonly channelCloseTimeout: number
}

/** `key`: what the device has shown before it was refused. */
export type Proof =
  | {
      readonly ok: true
      readonly identity: Identity
      /**
       * Sends what is bound to the identity (RFC 8071 §3.1 C7), and settles once the device has let the bridge in.
       * Asked once.
       */
      readonly open: () => Promise<LinkOpening>
    }
  | { readonly ok: false; readonly refusal: CallHomeRefusal; readonly key?: Buffer }

/** Who a device has proven to be. */
export interface Identity {
  readonly deviceId: string
  readonly key: Buffer
  readonly because: Evidence
  /** Whether the device shall be bound to the key, so that its next call is judged by it. */
  readonly pin: boolean
  /** Why it is not proven any more: what vouched for it may be taken away at any time. */
  readonly objection: () => CallHomeRefusal | undefined
}

/** `identity`: as it was judged last, when the device let the bridge in. */
export type LinkOpening =
  | { readonly ok: true; readonly link: Link; readonly identity: Identity }
  | { readonly ok: false; readonly refusal: CallHomeRefusal; readonly key?: Buffer }
