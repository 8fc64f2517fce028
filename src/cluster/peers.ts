import type { DeviceChannel } from '../fleet/link.js'
import type { SessionHandle } from '../fleet/session-register.js'
import type { SessionRequest } from '../fleet/session-request.js'
import type { Holder, NodeLife, PeerMessage, SessionAsk, SessionNo } from './peer-messages.js'

/** The other nodes, as far as this one reaches them: what a cluster wants of the connections between nodes. */
export interface Peers {
  /** Tells every peer that is reached now. Never waits, and never fails: whoever does not hear it finds it out. */
  readonly tellAll: (message: PeerMessage) => void
  /** Tells one of them; nothing where it is not reached. */
  readonly tell: (node: string, message: PeerMessage) => void
  /** The life of a node that is reached now: its hello was heard, and it has been heard of since. */
  readonly reached: (node: string) => NodeLife | undefined
  /**
   * Which nodes there are to be reached, by the list in the engine; called with every change. A peer that is not in it
   * any more is let go; one whose life is another one is dialled anew.
   */
  readonly setNodes: (nodes: readonly PeerNode[]) => void
  /**
   * Opens a session at the owner, on what it has by `asked.holder`. Where the peer is not reached, `unreachable` at
   * once, or after two seconds at most.
   */
  readonly openSession: (asked: RemoteSession, signal?: AbortSignal) => Promise<RemoteOpening>
}

export interface PeerNode extends NodeLife {
  /** Where it listens for peers, as `cluster.advertise` has it: `address:port`. */
  readonly address: string
}

/** A session that is wanted at another node. */
export interface RemoteSession extends SessionRequest {
  readonly holder: Holder
  readonly sessionId: string
  readonly traceparent?: string
  /** Milliseconds that the client still waits for a place. */
  readonly wait: number
}

export type RemoteOpening =
  | { readonly ok: true; readonly channel: DeviceChannel }
  /** The owner said no. */
  | { readonly ok: false; readonly cause: 'refused'; readonly no: SessionNo }
  /** It was not reached, or went away before it answered. */
  | { readonly ok: false; readonly cause: 'unreachable'; readonly message: string }

/** What the connections between nodes tell of the peers, and ask of this node: what a cluster gives them. */
export interface PeerListener {
  /**
   * A connection to a peer is there again, or for the first time: its hello was heard, in whole. What it said before
   * may have been lost.
   */
  readonly connected: (peer: NodeLife) => void
  /** A peer says nothing any more, or its connection broke. It may be well, and reach others. */
  readonly disconnected: (peer: NodeLife) => void
  /** In the order in which they came. Every message but `ping`, hellos too. */
  readonly told: (peer: NodeLife, message: PeerMessage) => void
  /** What this node says of itself at the beginning of a connection, in parts; asked each time. */
  readonly hello: () => readonly Extract<PeerMessage, { readonly type: 'hello' }>[]
  /** A peer wants a session for one of its clients on a device that is here. */
  readonly asked: (peer: NodeLife, ask: SessionAsk, signal: AbortSignal) => Promise<AskAnswer>
}

/** The session counts its bytes here too, and may be killed here. */
export type AskAnswer =
  | { readonly ok: true; readonly channel: DeviceChannel; readonly session: SessionHandle }
  | { readonly ok: false; readonly no: SessionNo }
