/** Opens session channels on a link. */
import type { Client, ClientChannel } from 'ssh2'
import { strangerText } from '../../lib/stranger-text.js'
import type { SessionChannelRequest, Terminal } from '../session-channel.js'
import { sshString, sshUint32 } from '../wire.js'
import { probe } from './connections.js'
import { inside, insideChannel, type OpenedChannel, type Protocol } from './internals.js'
import { sendChannelRequest } from './packets.js'
import { creditOf } from './windows.js'

/** Where the request was refused, the device still has to close the channel, which is closed towards it. */
export type ChannelRefusal =
  | { readonly step: 'open'; readonly message: string }
  | { readonly step: 'request'; readonly message: string; readonly channel: ClientChannel }

/** A channel that a device opened; whether it refused the terminal, which does not hinder what the channel is for. */
export interface OpenedSession {
  readonly channel: ClientChannel
  readonly terminalRefused: boolean
}

/**
 * Opens a session channel on a link and makes on it the request that it is for, after those for its environment and its
 * terminal. ssh2's own `subsys()` forgets to close the channel when the request is refused, which uses up the device's
 * sessions.
 * @returns gives up: what the device opens for it, or has opened, is closed, and `tell` is not called any more; `over`
 *   is called should the device refuse it or close it after all
 */
export function openSessionChannel(
  client: Client,
  request: SessionChannelRequest,
  tell: (refusal: ChannelRefusal | undefined, opened: OpenedSession | undefined) => void,
): (over: () => void) => void {
  const { _protocol: protocol, _chanMgr: channels, _sock: socket } = inside(client)
  let givenUp: (() => void) | undefined
  let unanswered: ClientChannel | undefined
  const done: typeof tell = (refusal, opened) => {
    unanswered = undefined
    if (givenUp === undefined) tell(refusal, opened)
    else if (refusal?.step === 'open') givenUp()
  }
  const drop = (channel: ClientChannel, over: () => void): void => {
    channel.once('close', over)
    channel.resume()
    channel.stderr.resume()
    channel.close()
  }
  const giveUp = (over: () => void): void => {
    givenUp = over
    if (unanswered !== undefined) drop(unanswered, over)
  }
  const refuse = (message: string): typeof giveUp => {
    done({ step: 'open', message }, undefined)
    return giveUp
  }
  if (socket.destroyed) return refuse('the link is closed')
  const credit = creditOf(client, { probe: (answered) => probe(client, answered) })
  const window = credit.initialWindow()
  const asked = performance.now()
  const opened = Object.assign(
    ((error, channel) => {
      if (error) return done({ step: 'open', message: strangerText(error.message) }, undefined)
      if (givenUp !== undefined) return drop(channel, givenUp)
      unanswered = channel
      credit.add(channel, { window, roundTrip: performance.now() - asked })
      const { outgoing, _callbacks: callbacks } = insideChannel(channel)
      let terminalRefused = false
      for (const { name, value } of request.environment ?? []) protocol.env(outgoing.id, name, value, false)
      if (request.terminal !== undefined) {
        callbacks.push((failed) => {
          terminalRefused = failed
        })
        sendTerminal(protocol, outgoing.id, request.terminal)
      }
      callbacks.push((failed) => {
        if (!failed) return done(undefined, { channel, terminalRefused })
        channel.resume()
        channel.close()
        done({ step: 'request', message: 'the device refused the request', channel }, undefined)
      })
      insideChannel(channel).subtype = request.kind
      if (request.kind === 'subsystem') protocol.subsystem(outgoing.id, request.name, true)
      else if (request.kind === 'exec') protocol.exec(outgoing.id, request.command, true)
      else protocol.shell(outgoing.id, true)
    }) satisfies OpenedChannel,
    { type: 'session' },
  )
  const id = channels.add(opened)
  if (id === -1) return refuse('the link has no free channel number')
  protocol.session(id, window, RECEIVE_PACKET_SIZE)
  return giveUp
}

function sendTerminal(protocol: Protocol, id: number, { type, modes, ...size }: Terminal): void {
  const { columns, rows, width, height } = size
  const fields = [sshString(type), ...[columns, rows, width, height].map(sshUint32), sshString(modes)]
  sendChannelRequest(protocol, { recipient: id, type: 'pty-req', wantReply: true, fields })
}

/** ssh2 counts on exactly this for the channels it makes (`lib/Channel.js`). */
export const RECEIVE_PACKET_SIZE = 32 * 1024
