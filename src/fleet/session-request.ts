import type { AgreedKeyExchange } from '../ssh/post-quantum.js'
import type { ChannelRequest } from '../ssh/session-channel.js'
import type { SessionClient } from './session-client.js'

/** Which session is wanted, and for whom. */
export interface SessionRequest {
  readonly deviceId: string
  readonly request: ChannelRequest
  readonly client: SessionClient
  /** The account that the session has to be on, by the name of its credentials; any where absent. */
  readonly account?: string
  /** By which another node has it in its register already; this one makes one where it is absent. */
  readonly sessionId?: string
  /** How the keys of the client's connection were exchanged; absent where that is not SSH. */
  readonly keyExchange?: AgreedKeyExchange
}
