import type { AgreedKeyExchange } from '../ssh/post-quantum.js'
import type { ChannelPurpose } from '../ssh/session-channel.js'
import type { SessionClient } from './session-client.js'

/** Bytes carried each way. */
export interface CarriedBytes {
  readonly fromClient: number
  readonly fromDevice: number
}

/** A session that a client has on a device. */
export interface LiveSession {
  /** Eight characters that nobody guesses, easy to read out and to type. */
  readonly id: string
  readonly deviceId: string
  /** The number of the device's link that carries it; 0 where that is at another node. */
  readonly link: number
  /** The node of the cluster that has the link; absent where it is this one. */
  readonly node?: string
  readonly client: SessionClient
  readonly request: ChannelPurpose
  readonly keyExchange?: AgreedKeyExchange
  readonly openedAt: Date
  readonly bytes: CarriedBytes
}
