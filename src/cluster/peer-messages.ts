import type { FleetEvents } from '../fleet/events.js'
import type { LinkEnd } from '../fleet/link.js'
import type { SessionClient } from '../fleet/session-client.js'
import type { AgreedKeyExchange } from '../ssh/post-quantum.js'
import type { Terminal } from '../ssh/session-channel.js'

/**
 * What nodes say to each other: lines of JSON on the control channel of their kept connection, one message a line, and
 * the command of a channel by which a session is opened at the owner. A member that a node does not know it ignores,
 * and a message of a type that it does not know as well: nodes of two versions talk while a cluster is upgraded.
 *
 * Messages make things quick, and nothing depends on them: the engine decides, and `verify` finds what was not heard.
 * One may be lost, come late, or after another that was sent later.
 */
export type PeerMessage =
  | Hello
  | Proven
  | Claimed
  | Detached
  | Changed
  | Crowded
  | ToldEvent
  | Kill
  | Draining
  | { readonly type: 'ping' }

export type PeerMessageType = PeerMessage['type']

/** One life of a node: it begins with a new number at each start, and what was said of an older one does not count. */
export interface NodeLife {
  /** The node's id, as `cluster.node` has it. */
  readonly node: string
  readonly incarnation: number
}

/**
 * Names what a node has of a device, and nothing that it had before or that another node has: a request that is
 * addressed with it is carried out there or refused (`not-here`), never on something else.
 */
export interface Holder extends NodeLife {
  /** Grows with each claim of the device in the engine. 0 is what nobody has claimed yet. */
  readonly epoch: number
}

/** A device that a node has links of. */
export interface HeldDevice {
  readonly deviceId: string
  readonly epoch: number
  /** When the newest of its links was proven, in milliseconds since 1970 by the engine's clock. It orders links. */
  readonly provenAt: number
}

/** So many devices a part of a hello names at most. */
export const MAX_HELD_IN_HELLO = 1000

/** So many lines wait for a peer at most. Where there would be more, all are dropped, and hello is said anew. */
export const MAX_WAITING_LINES = 10_000

/** No line is longer, in bytes. */
export const MAX_LINE_LENGTH = 262_144

/** The first words on a connection, in parts of `MAX_HELD_IN_HELLO` devices; said again after lines were dropped. */
export interface Hello extends NodeLife {
  readonly type: 'hello'
  /** From 0. What no part names, the node may have had before: whoever asks it for that is told so. */
  readonly part: number
  readonly last: boolean
  readonly version: string
  readonly state: NodeState
  readonly links: readonly HeldDevice[]
}

/** `draining`: it takes no devices any more, and hands on those that it has. */
export type NodeState = 'up' | 'draining'

/** A device was proven at the sender, which has it from now on, and has yet to claim it. */
export interface Proven {
  readonly type: 'proven'
  readonly deviceId: string
  readonly provenAt: number
  /** `address:port` that the device dialled from. */
  readonly source: string
}

/** The engine gave the sender's claim its epoch. */
export interface Claimed extends HeldDevice {
  readonly type: 'claimed'
}

/** The last link of a device at the sender has ended. */
export interface Detached extends HeldDevice {
  readonly type: 'detached'
  /** Milliseconds since 1970 by the clock of the engine. */
  readonly endedAt: number
  readonly end: LinkEnd
}

/** A row of the shared store was written: who keeps something of it in memory reads it again. */
export interface Changed {
  readonly type: 'changed'
  readonly table: string
  readonly key: string
  readonly version: number
}

/** A client of the sender waits for a session on a device whose sessions are all in use. */
export interface Crowded {
  readonly type: 'crowded'
  readonly deviceId: string
}

/** Something happened at the sender that those who watch the fleet elsewhere want to hear of. */
export interface ToldEvent {
  readonly type: 'event'
  readonly name: keyof FleetEvents
  readonly event: FleetEvents[keyof FleetEvents]
}

/** An operator ends a session, wherever it is. */
export interface Kill {
  readonly type: 'kill'
  readonly sessionId: string
  readonly by: string
}

export interface Draining {
  readonly type: 'draining'
}

/** The version of the way in which a session is asked for at its owner. */
export const SESSION_ASK_VERSION = 1

/** What is sent to open a session on a link of another node, as the command of a channel: one line of JSON. */
export interface SessionAsk {
  readonly v: number
  readonly deviceId: string
  readonly owner: Holder
  readonly request: AskedRequest
  readonly client: SessionClient
  /** The account that the session has to be on; any where absent. */
  readonly account?: string
  /** How the keys of the client's connection were exchanged; absent where that is not SSH. */
  readonly keyExchange?: AgreedKeyExchange
  /** By which the client's node has the session in its register; the owner has it by the same. */
  readonly sessionId: string
  /** W3C trace context of the client's request. */
  readonly traceparent?: string
  /** Milliseconds that the client still waits for a place on a link that is full. */
  readonly wait: number
}

/** No ask is longer, in bytes. */
export const MAX_ASK_LENGTH = 32_768

/** What the channel is for, as JSON has it. */
export type AskedRequest =
  | { readonly kind: 'tcp'; readonly port: number }
  | (AskedPurpose & {
      /** The modes in base64. */
      readonly terminal?: Omit<Terminal, 'modes'> & { readonly modes: string }
      readonly environment?: readonly { readonly name: string; readonly value: string }[]
    })

type AskedPurpose =
  | { readonly kind: 'subsystem'; readonly name: string }
  | { readonly kind: 'exec'; readonly command: string }
  | { readonly kind: 'shell' }

/**
 * Why the owner opened no session: one line of JSON on standard error, after which the channel ends with the signal
 * `HOMEPORT`.
 */
export interface SessionNo {
  /**
   * That of a refusal of the fleet, or `not-here`: it has not what it was asked for by the holder; or `older-version`:
   * it does not understand this ask; or `not-verified`: it was away, and does not know yet what it still has.
   */
  readonly reason: string
  readonly message: string
  readonly hint: string
  /** Whether the same client may get a session by asking again at once, here or at another node. */
  readonly retry: boolean
  /** With `not-here`: who has the device, as far as the owner that was asked knows. */
  readonly holder?: Holder & { readonly provenAt: number }
}

/** The signal by which a channel ends that carries no session of a device. */
export const NO_SESSION_SIGNAL = 'HOMEPORT'
