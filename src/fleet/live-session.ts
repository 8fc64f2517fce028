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
  readonly client: SessionClient
  readonly request: ChannelPurpose
  readonly openedAt: Date
  readonly bytes: CarriedBytes
}
