import type { ChannelRequest } from './link.js'
import type { SessionClient } from './session-client.js'

/** Which session is wanted, and for whom. */
export interface SessionRequest {
  readonly deviceId: string
  readonly request: ChannelRequest
  readonly client: SessionClient
}
