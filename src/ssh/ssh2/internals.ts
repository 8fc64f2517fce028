/**
 * ssh2's inner objects, as far as anything here leans on them. ssh2 does not promise to keep them, so another version
 * is refused at start (`supported-version.ts`) instead of failing in the field. Each is declared once, here, and the
 * files beside this one, each about one idea, are the only ones that touch them.
 */
import type { Socket } from 'node:net'
import type { Channel, Client, ClientChannel, Connection } from 'ssh2'

/** The inner object of a connection, of a Client and of a Server's Connection alike. */
export interface ConnectionInsides {
  readonly _sock: Socket
  readonly _protocol: Protocol
  readonly _chanMgr: {
    readonly add: (opened: OpenedChannel & { readonly type: string }) => number
    readonly get: (id: number) => unknown
  }
  /** Who waits for answers to global requests, of a client. */
  readonly _callbacks?: (() => void)[]
  readonly authenticated?: boolean
  readonly _remoteVer?: string
  readonly on: (event: 'handshake', listener: () => void) => unknown
}

/** Called with a channel that a client has asked for. */
export type OpenedChannel = (error: (Error & { reason?: number | string }) | undefined, channel: ClientChannel) => void

/** What reads and writes the messages of one connection. */
export interface Protocol {
  readonly _server: boolean
  /** Undefined once the connection has failed or is closed. */
  readonly _destruct: unknown
  readonly _authenticated: boolean
  /** Names of the methods of login attempts that were not answered, oldest first. */
  readonly _authsQueue: string[]
  /** By the name of the message; ssh2 overlooks one that has no handler. */
  readonly _handlers: Record<string, ((protocol: Protocol, ...rest: unknown[]) => void) | undefined>
  readonly _packetRW: {
    readonly write: {
      readonly allocStart: number
      /** The same for a packet that goes out during a key exchange; `force` then has to be given. */
      readonly allocStartKEX: number
      readonly alloc: (size: number, force?: boolean) => Buffer
      readonly finalize: (packet: Buffer, force?: boolean) => Buffer
    }
  }
  /** Packets held back during a key re-exchange. */
  readonly _queue?: readonly unknown[]

  /** Set while a key exchange is under way. */
  _kexinit: unknown
  _kex: KeyExchange | undefined
  _offer: Offer
  _remoteIdentRaw: Buffer
  /** Called with the other side's identification; what reads packets is there then. */
  _onHeader: (header: unknown) => void
  /**
   * With the tag or MAC of a packet, whichever of them its cipher has. Undefined until the other side's identification
   * is there.
   */
  readonly _decipher: { _onPayload: (payload: Buffer) => unknown; _tag?: Buffer; _mac?: Buffer } | undefined
  /** Takes a packet while no key exchange is under way. */
  readonly _onPayload: (payload: Buffer) => unknown
  _skipNextInboundPacket: boolean
  _hostVerifier: HostVerifier | undefined
  _onError: (error: Error & { level?: string }) => void
  /** Told what happens, for debugging. */

  parse: (data: Buffer, start: number, end: number) => void
  /** Reads one part of what came, and gives where the next begins. */
  _parse: (data: Buffer, start: number, end: number) => number

  authPK: (
    username: string,
    key: unknown,
    algorithm?: string,
    sign?: (data: Buffer, done: (signature: Buffer) => void) => void,
  ) => void
  readonly serviceAccept: (name: string) => void
  readonly requestFailure: () => void
  readonly ping: () => void

  readonly session: (id: number, window: number, packetSize: number) => void
  readonly directTcpip: (
    id: number,
    window: number,
    packetSize: number,
    to: {
      readonly dstIP: string
      readonly dstPort: number
      readonly srcIP: string
      readonly srcPort: number
    },
  ) => void
  channelOpenFail: (id: number, reason: number, description?: string) => void
  channelSuccess: (id: number) => void
  readonly channelFailure: (id: number) => void
  readonly channelData: (id: number, data: Buffer) => void
  readonly channelExtData: (id: number, data: Buffer, type: number) => void
  channelWindowAdjust: (id: number, bytes: number) => void
  readonly channelEOF: (id: number) => void
  readonly channelClose: (id: number) => void
  readonly exitStatus: (id: number, status: number) => void
  readonly subsystem: (id: number, name: string, wantReply: boolean) => void
  readonly exec: (id: number, command: string, wantReply: boolean) => void
  readonly shell: (id: number, wantReply: boolean) => void
  readonly env: (id: number, name: string, value: string, wantReply: boolean) => void
}

export type HostVerifier = (key: Buffer, answer: (trusted: boolean) => void) => unknown

/** The algorithms that a side offers; ssh2 only reads it, in each key exchange anew. */
export interface Offer {
  readonly lists: Readonly<Record<'kex' | 'serverHostKey', OfferedNames>> &
    Readonly<Record<'cs' | 'sc', Readonly<Record<'cipher' | 'mac' | 'compress', OfferedNames>>>> & {
      readonly all: Buffer
    }
}

interface OfferedNames {
  readonly array: readonly string[]
}

export interface KeyExchange {
  /** `group` for Diffie-Hellman in one of the fixed groups, `groupex` in one that the server picks. */
  type: string
  readonly negotiated: { kex: string; serverHostKey: string }
  /** Of the exchange hash, and of what keys are made with. */
  hashName: string
  /** Of the connection; undefined in its first key exchange until that is over. */
  readonly sessionID: Buffer
  /** Whether the client wants to be told the server's signature algorithms; set before `start`. */
  remoteExtInfoEnabled: boolean
  /** The blob that the server presented; on a server its own key. */
  _hostKey: unknown
  _sig: unknown
  /** The other side's KEXINIT (RFC 4253 §7.1). */
  _remoteKexinit: Buffer
  _remoteIdentRaw: Buffer
  readonly _sentNEWKEYS: boolean
  readonly _finished: boolean
  /** The ephemeral keys of X25519, and those of other methods. */
  _keys?: unknown
  _dh?: { readonly getPrime: () => Buffer } | null
  generateKeys: () => void
  /** The own public value. */
  getPublicKey: () => Buffer
  /** The other side's public value as it goes into the exchange hash. */
  convertPublicKey: (theirs: Buffer) => Buffer
  /** An error is given back, not thrown. */
  computeSecret: (theirPublicValue: Buffer) => Buffer | Error
  finish: (hostUnverified?: boolean) => unknown
  start: () => void
  parse: (payload: Buffer) => unknown
}

export type ChannelState = 'open' | 'eof' | 'closing' | 'closed'

export interface ChannelInsides {
  readonly _client: ConnectionInsides
  readonly outgoing: { readonly id: number; window: number; readonly packetSize: number; state: ChannelState }
  readonly incoming: { readonly id: number; window: number; readonly state: ChannelState }
  _callbacks: ((failed: boolean) => void)[]
  _waitWindow: boolean
  _chunk: Buffer | undefined
  _chunkcb: (() => void) | undefined
  readonly _readableState: { highWaterMark: number }
  readonly _writableState: { highWaterMark: number }
  subtype: string | undefined
  /** How the command of a client's channel ended. */
  readonly _exit?: {
    readonly code?: number | null
    /** With `SIG` before it. */
    readonly signal?: string
    readonly dump?: boolean
    readonly desc?: string
  }
}

/** A session that a client has opened; its channel comes with the request that it is for. */
export interface SessionInsides {
  readonly _ending: boolean
  readonly _channel: Pick<ChannelInsides, 'outgoing'> | undefined
  readonly _chanInfo: { readonly outgoing: { readonly id: number } }
}

export const inside = (connection: Client | Connection): ConnectionInsides => connection as unknown as ConnectionInsides
export const insideChannel = (channel: Channel): ChannelInsides => channel as unknown as ChannelInsides
