/**
 * The one place that knows ssh2's insides. Everything here leans on code that ssh2 does not promise to keep,
 * so another version is refused at start instead of failing in the field. Split by idea: connections and channels here,
 * terminals, signals and what else is asked on a channel in `session-requests.ts`, key exchange in
 * `key-exchange.ts`, certificates in it and in login in `certificates.ts`, flow control in `flow-control.ts`, windows on links in `windows.ts`, what is let go after a handshake in `memory.ts`, key objects in `keys.ts`, packets of our own making in `packets.ts`.
 */
import type { Socket } from 'node:net'
import type { Channel, Client, ClientChannel, Connection, ServerChannel } from 'ssh2'
import { type PacketProtocol, sendChannelRequest, sendPayload } from './packets.js'
import { sshString, sshUint32 } from '../wire.js'

import { creditOf } from './windows.js'
import { bindingAvailable, requireSsh2 } from './load.js'
import { strangerText } from '../../lib/stranger-text.js'

const testedVersion = '1.17.0'

interface Protocol extends PacketProtocol {
  _kexinit: unknown
  /** Packets held back during a key re-exchange. */
  readonly _queue?: readonly unknown[]
  readonly _handlers: Record<string, (protocol: Protocol, ...rest: never[]) => void>
  parse: (data: Buffer, start: number, end: number) => void
  /** Reads one part of what came, and gives where the next begins. */
  _parse: (data: Buffer, start: number, end: number) => number
  channelData(id: number, data: Buffer): void
  channelWindowAdjust: (id: number, bytes: number) => void
  channelExtData(id: number, data: Buffer, type: number): void
  channelEOF(id: number): void
  channelClose(id: number): void
  channelSuccess: (id: number) => void
  channelFailure(id: number): void
  channelOpenFail: (id: number, reason: number, description?: string) => void
  serviceAccept(name: string): void
  ping(): void
  exitStatus(id: number, status: number): void
  session(id: number, window: number, packetSize: number): void
  subsystem(id: number, name: string, wantReply: boolean): void
  exec(id: number, command: string, wantReply: boolean): void
  shell(id: number, wantReply: boolean): void
  env(id: number, name: string, value: string, wantReply: boolean): void
}

interface ChannelInsides {
  readonly _client: ConnectionInsides
  readonly outgoing: { readonly id: number; window: number; readonly packetSize: number; state: string }
  readonly incoming: { readonly id: number; readonly window: number; readonly state: string }
  _callbacks: ((failed: boolean) => void)[]
  _waitWindow: boolean
  _chunk: Buffer | undefined
  _chunkcb: (() => void) | undefined
  readonly _readableState: { highWaterMark: number }
  readonly _writableState: { highWaterMark: number }
  subtype: string | undefined
}

type OpenedChannel = (error: (Error & { reason?: number | string }) | undefined, channel: ClientChannel) => void

export interface ConnectionInsides {
  readonly _sock: Socket
  readonly _protocol: Protocol
  readonly _chanMgr: {
    add(opened: OpenedChannel & { type: string }): number
    get(id: number): unknown
  }
  /** Who waits for answers to global requests, of a client. */
  readonly _callbacks?: (() => void)[]
  readonly authenticated?: boolean
  readonly _remoteVer?: string
  on(event: 'handshake', listener: () => void): unknown
}

export const inside = (connection: Client | Connection): ConnectionInsides => connection as unknown as ConnectionInsides
export const insideChannel = (channel: Channel): ChannelInsides => channel as unknown as ChannelInsides

/** Throws when the installed ssh2 is not the version whose insides are described here. Called once at start. */
export function assertSupportedSsh2(): void {
  const { version } = requireSsh2('ssh2/package.json') as { version: string }
  if (version !== testedVersion)
    throw new Error(`ssh2 ${version} is installed, but Homeport was built for ssh2 ${testedVersion}: run \`npm ci\``)
}

/** Whether ssh2 uses its compiled addon. Without it ciphers run in JavaScript, two to three times slower. */
export function nativeCryptoAvailable(): boolean {
  return bindingAvailable
}

/** The TCP socket below an SSH connection. */
export function socketOf(connection: Client | Connection): Socket {
  return inside(connection)._sock
}

/** Of an SSH identification (RFC 4253 §4.2). */
const MAX_SOFTWARE_LENGTH = 255

/** The software version in the other side's SSH identification, such as `OpenSSH_9.2p1`. */
export function remoteSoftwareOf(client: Client): string {
  return strangerText(inside(client)._remoteVer ?? 'unknown', MAX_SOFTWARE_LENGTH)
}

/**
 * Lets a client repeat SERVICE_REQUEST before each authentication attempt, as paramiko and ncclient do and sshd allows.
 * ssh2 disconnects on the second one, so that a second key or a password would never be tried.
 */
export function tolerateRepeatedServiceRequest(connection: Connection): void {
  const { _protocol: protocol } = inside(connection)
  const original = protocol._handlers['SERVICE_REQUEST'] as (protocol: Protocol, name: string) => void
  let accepted = false
  protocol._handlers['SERVICE_REQUEST'] = (p: Protocol, name: string) => {
    if (accepted && name === 'ssh-userauth' && inside(connection).authenticated !== true) {
      p.serviceAccept(name)
      return
    }
    accepted = name === 'ssh-userauth'
    original(p, name)
  }
}

/** A channel whose request (subsystem, exec) was taken but not answered yet. */
export interface HeldChannel {
  readonly channel: ServerChannel
  /** Tells the client that its request succeeded. */
  confirm(): void
  /** Tells the client that its request failed, and closes the channel. */
  refuse(): void
}

/**
 * Takes a client's request at once, because ssh2 drops what a client sends before that, but holds back the answer
 * until it is known whether the device took the same request. Undefined when the channel has had its request already.
 */
export function holdAnswer(connection: Connection, accept: () => ServerChannel | undefined): HeldChannel | undefined {
  const { _protocol: protocol } = inside(connection)
  const { channelSuccess } = protocol
  let pending: number | undefined
  protocol.channelSuccess = (id) => {
    pending = id
  }
  let channel: ServerChannel | undefined
  try {
    channel = accept()
  } finally {
    // Not deleted: an object that lost a property is a dictionary to V8 from then on, which every packet would pay for.
    protocol.channelSuccess = channelSuccess
  }
  if (channel === undefined) return undefined
  const { outgoing } = insideChannel(channel)
  const answer = (send: (id: number) => void): void => {
    if (pending !== undefined && outgoing.state !== 'closed' && !inside(connection)._sock.destroyed) send(pending)
    pending = undefined
  }
  const held = channel
  return {
    channel,
    confirm: () => answer((id) => protocol.channelSuccess(id)),
    refuse: () => {
      answer((id) => protocol.channelFailure(id))
      held.close()
    },
  }
}

/** `SSH_OPEN_ADMINISTRATIVELY_PROHIBITED` (RFC 4254 §5.1). */
const administrativelyProhibited = 1

/** Refuses to open a channel as administratively prohibited, and says why; ssh2's own `reject` says `connect failed` and nothing. */
export function prohibitChannel(connection: Connection, reject: () => void, why: string): void {
  const { _protocol: protocol } = inside(connection)
  const { channelOpenFail } = protocol
  protocol.channelOpenFail = (id) => channelOpenFail.call(protocol, id, administrativelyProhibited, why)
  try {
    reject()
  } finally {
    protocol.channelOpenFail = channelOpenFail
  }
}

/** Sends EOF to the client and leaves the channel open, which ssh2's own `end()` does not. */
export function sendEof(channel: ServerChannel): void {
  const { outgoing, _client: connection } = insideChannel(channel)
  if (outgoing.state !== 'open' || connection._sock.destroyed) return
  outgoing.state = 'eof'
  connection._protocol.channelEOF(outgoing.id)
}

/** Whether the other side has closed the channel, which ssh2 tells only once all before it was read. */
export function peerHasClosed(channel: ClientChannel): boolean {
  return insideChannel(channel).incoming.state === 'closed'
}

/** Whether the other side has sent EOF or closed the channel, which ssh2 tells only once all before it was read. */
export function peerHasEnded(channel: ClientChannel): boolean {
  return insideChannel(channel).incoming.state !== 'open'
}

/** How a command ended: a status, or the name of a signal without `SIG` (RFC 4254 §6.10). */
export type Exit = { readonly status: number } | ExitSignal
type ExitSignal = { readonly signal: string; readonly message: string; readonly coreDumped?: true }

/** Sends exit-status or exit-signal, also after EOF, which ssh2's own `exit()` does not. */
export function sendExit(channel: ServerChannel, exit: Exit): void {
  const { outgoing, _client: connection } = insideChannel(channel)
  if ((outgoing.state !== 'open' && outgoing.state !== 'eof') || connection._sock.destroyed) return
  if ('status' in exit) connection._protocol.exitStatus(outgoing.id, exit.status)
  else sendExitSignal(connection._protocol, outgoing.id, exit)
}

/** ssh2's own `exitSignal()` throws for a name that is not on its list (`SYS`, `name@domain`). */
function sendExitSignal(protocol: Protocol, id: number, { signal, message, coreDumped }: ExitSignal): void {
  const language = ''
  const fields = [sshString(signal), Buffer.of(coreDumped ? 1 : 0), sshString(message), sshString(language)]
  sendChannelRequest(protocol, id, 'exit-signal', false, ...fields)
}

/** The size of a terminal in characters and, where not 0, in pixels (RFC 4254 §6.2). */
export interface WindowSize {
  readonly columns: number
  readonly rows: number
  readonly width: number
  readonly height: number
}

/** A terminal that a client asks for. */
export interface Terminal extends WindowSize {
  /** What the variable TERM shall be. */
  readonly type: string
  /** As they came (RFC 4254 §8). */
  readonly modes: Buffer
}

/** What a device's channel is opened for. */
export type ChannelPurpose =
  | { readonly kind: 'subsystem'; readonly name: string }
  | { readonly kind: 'exec'; readonly command: string }
  | { readonly kind: 'shell' }

export type ChannelRequest = ChannelPurpose & {
  readonly terminal?: Terminal
  readonly environment?: readonly { readonly name: string; readonly value: string }[]
}

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
 * Opens a session channel on a link and makes on it the request that it is for, after those for its environment and its terminal.
 * ssh2's own `subsys()` forgets to close the channel when the request is refused, which uses up the device's sessions.
 * @returns gives up: what the device opens for it, or has opened, is closed, and `tell` is not called any more; `over` is called should the
 * device refuse it or close it after all
 */
export function openSessionChannel(
  client: Client,
  request: ChannelRequest,
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
  protocol.session(id, window, receivePacketSize)
  return giveUp
}

function sendTerminal(protocol: Protocol, id: number, { type, modes, ...size }: Terminal): void {
  const { columns, rows, width, height } = size
  const fields = [sshString(type), ...[columns, rows, width, height].map(sshUint32), sshString(modes)]
  sendChannelRequest(protocol, id, 'pty-req', true, ...fields)
}

/** ssh2 counts on exactly this for the channels it makes (`lib/Channel.js`). */
const receivePacketSize = 32 * 1024

/**
 * Lets somebody else decide when what a peer sent is worked on: key exchange costs milliseconds. Nothing more is read from its socket meanwhile.
 * It may begin while ssh2 reads the identification of a client; what came with that is governed already.
 * @param run does the work, at once or later
 * @returns ends that: what is sent from then on is worked on as it comes
 */
export function governWork(connection: Client | Connection, run: (work: () => void) => void): () => void {
  const { _protocol: protocol, _sock: socket } = inside(connection)
  const { parse, _parse: parsePart } = protocol
  let waiting: (() => void) | undefined
  const governed: Protocol['parse'] = (data, start, end) => {
    if (protocol._parse === parseLater) protocol._parse = parsePart
    socket.pause()
    const work = (): void => {
      if (waiting !== work) return
      waiting = undefined
      try {
        // Once the connection has failed, ssh2 has another function in this place and has freed what this one needs.
        if (protocol.parse === governed || protocol.parse === parse) parse.call(protocol, data, start, end)
      } catch (error) {
        connection.emit('error', error)
        socket.end()
      }
      socket.resume()
    }
    waiting = work
    run(work)
  }
  protocol.parse = governed
  /** Takes the rest of the bytes that are being read at this moment. */
  const parseLater: Protocol['_parse'] = (data, start, end) => {
    governed(data, start, end)
    return end
  }
  protocol._parse = parseLater
  return () => {
    if (protocol.parse === governed) protocol.parse = parse
    waiting?.()
  }
}

/** `SSH_DISCONNECT_BY_APPLICATION` (RFC 4253 §11.1). */
export const BY_APPLICATION = 11
/** `SSH_DISCONNECT_TOO_MANY_CONNECTIONS` (RFC 4253 §11.1). */
export const TOO_MANY_CONNECTIONS = 12

const DISCONNECT = 1

/** Ends a connection and says why, which ssh2's own `end()` does not. */
export function sayGoodbye(connection: Connection, reason: number, words: string): void {
  const { _protocol: protocol, _sock: socket } = inside(connection)
  if (!socket.writable) return
  const language = ''
  const message = [Buffer.from([DISCONNECT]), sshUint32(reason), sshString(words), sshString(language)]
  sendPayload(protocol, Buffer.concat(message))
  socket.end()
}

/** Answers that a device may owe us; beyond, the oldest is not waited for any more, so that a device that gives none costs nothing. */
const mostAnswersOwed = 16

/** Asks the other side whether it is there (`keepalive@openssh.com`); `answered` is called when it says that it is, or that it does not know the request. */
export function probe(connection: Client | Connection, answered: () => void = ignored): void {
  const { _callbacks: callbacks, _protocol: protocol, _sock: socket } = inside(connection)
  if (!socket.writable) return
  // Answers to global requests come in their order (RFC 4254 §4), so each has its place. A server of ssh2 keeps none.
  if (callbacks !== undefined) {
    callbacks.push(answered)
    if (callbacks.length > mostAnswersOwed) callbacks.shift()
  }
  protocol.ping()
}

const ignored = (): void => undefined

/** Milliseconds that the other side of a connection that failed gets to read why, and to close it. */
const FAREWELL = 1_000

/**
 * Closes a connection soon after it has failed. ssh2 only ends its own half then, hears nothing more, and takes the connection for open
 * for as long as the other side likes.
 */
export function closeOnceFailed(connection: Client | Connection): void {
  const { _sock: socket } = inside(connection)
  const events: { on(event: 'error', listener: () => void): unknown } = connection
  events.on('error', () => setTimeout(() => socket.destroy(), FAREWELL).unref())
}
