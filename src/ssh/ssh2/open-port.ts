/** Opens channels on a link that its device connects to a port of its own. */
import type { Client, ClientChannel } from 'ssh2'
import { strangerText } from '../../lib/stranger-text.js'
import { probe } from './connections.js'
import { inside, type OpenedChannel } from './internals.js'
import { RECEIVE_PACKET_SIZE } from './open-session.js'
import { creditOf } from './windows.js'

/**
 * Why a device opened no channel to a port: it forbids it, could not connect to the port, or knows no such channels
 * (RFC 4254 §5.1).
 */
export interface PortRefusal {
  readonly cause: 'prohibited' | 'connect-failed' | 'unknown-type'
  /** In the device's words. */
  readonly message: string
}

/** Where the device connects a channel to. */
export interface PortOfDevice {
  /** An address of the device's loopback. */
  readonly host: '127.0.0.1' | '::1'
  readonly port: number
}

/**
 * Asks a device for a channel to a port of its own. ssh2's own `forwardOut` grants a window past the credit of the
 * link.
 * @returns gives up: what the device opens for it after all is closed, and `tell` is not called any more; `over` is
 *   called once the device has answered, and has closed what it opened
 */
export function openPortChannel(
  client: Client,
  { host, port }: PortOfDevice,
  tell: (refusal: PortRefusal | undefined, channel: ClientChannel | undefined) => void,
): (over: () => void) => void {
  const { _protocol: protocol, _chanMgr: channels, _sock: socket } = inside(client)
  let givenUp: (() => void) | undefined
  const giveUp = (over: () => void): void => {
    givenUp = over
  }
  const refuse = (refusal: PortRefusal): void => {
    if (givenUp === undefined) tell(refusal, undefined)
    else givenUp()
  }
  const credit = creditOf(client, { probe: (answered) => probe(client, answered) })
  const window = credit.initialWindow()
  const asked = performance.now()
  const opened = Object.assign(
    ((error, channel) => {
      if (error) return refuse(refusalOf(error))
      credit.add(channel, { window, roundTrip: performance.now() - asked })
      if (givenUp === undefined) return tell(undefined, channel)
      channel.once('close', givenUp)
      channel.on('error', () => undefined)
      channel.resume()
      channel.close()
    }) satisfies OpenedChannel,
    { type: 'direct-tcpip' },
  )
  const id = socket.destroyed ? NO_NUMBER : channels.add(opened)
  if (id === NO_NUMBER) refuse({ cause: 'connect-failed', message: 'the link takes no further channel' })
  else protocol.directTcpip(id, window, RECEIVE_PACKET_SIZE, { dstIP: host, dstPort: port, ...ORIGINATOR })
  return giveUp
}

/** What ssh2 gives where all numbers of channels are taken. */
const NO_NUMBER = -1

/** Who the device is told that connects: the address of the client is nobody's business there. */
const ORIGINATOR = { srcIP: '127.0.0.1', srcPort: 0 }

/** `SSH_OPEN_ADMINISTRATIVELY_PROHIBITED` and `SSH_OPEN_UNKNOWN_CHANNEL_TYPE` (RFC 4254 §5.1). */
const CAUSES: Readonly<Record<string, PortRefusal['cause']>> = { 1: 'prohibited', 3: 'unknown-type' }

/** What ssh2 writes before the words of the other side. */
const PREFIX = /^\(SSH\) Channel open failure: /

function refusalOf({ reason, message }: Error & { readonly reason?: number | string }): PortRefusal {
  const said = message.replace(PREFIX, '')
  return { cause: CAUSES[String(reason)] ?? 'connect-failed', message: strangerText(said === '' ? 'no reason' : said) }
}
