import type { ChannelRequest } from '../ssh/session-channel.js'
import type { AskedRequest } from './peer-messages.js'

/** What a channel is for, as it is asked for at another node. */
export function askedRequest(request: ChannelRequest): AskedRequest {
  if (request.kind === 'tcp' || request.terminal === undefined) return request as AskedRequest
  const { terminal, ...others } = request
  return { ...others, terminal: { ...terminal, modes: terminal.modes.toString('base64') } }
}

/** The other way round. */
export function requestOf(asked: AskedRequest): ChannelRequest {
  if (asked.kind === 'tcp' || asked.terminal === undefined) return asked as ChannelRequest
  const { terminal, ...others } = asked
  return { ...others, terminal: { ...terminal, modes: Buffer.from(terminal.modes, 'base64') } }
}
