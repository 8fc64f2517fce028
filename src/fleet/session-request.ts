import type { ChannelRequest } from '../ssh/session-channel.js'
import type { SessionClient } from './session-client.js'

/** Which session is wanted, and for whom. */
export interface SessionRequest {
  readonly deviceId: string
  readonly request: ChannelRequest
  readonly client: SessionClient
}
