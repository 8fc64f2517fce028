/**
 * The one place that knows ssh2's insides. Everything here leans on code that ssh2 does not promise to keep,
 * so another version is refused at start instead of failing in the field. Split by idea: connections and channels here,
 * terminals, signals and what else is asked on a channel in `ssh2-internals-requests.ts`, certificates in key exchange and login in
 * `ssh2-internals-certificates.ts`, key objects in `ssh2-internals-keys.ts`, packets of our own making in `ssh2-internals-packet.ts`.
 */
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import type { Channel, Client, ClientChannel, Connection, ServerChannel } from 'ssh2'
import { type PacketProtocol, sendChannelRequest } from './ssh2-internals-packet.js'
import { sshString, sshUint32 } from './wire.js'

import { creditOf } from './ssh2-internals-window.js'
import { bindingAvailable, requireSsh2 } from './ssh2.js'

const testedVersion = '1.17.0'

interface Protocol extends PacketProtocol {
  _kexinit: unknown
  /** Packets held back during a key re-exchange. */
  readonly _queue?: readonly unknown[]
  readonly _handlers: Record<string, (protocol: Protocol, ...rest: never[]) => void>
  parse: (data: Buffer, start: number, end: number) => void
  channelData(id: number, data: Buffer): void
  channelExtData(id: number, data: Buffer, type: number): void
  channelEOF(id: number): void
  channelClose(id: number): void
  channelSuccess(id: number): void
  channelFailure(id: number): void
  channelOpenFail(id: number, reason: number, description?: string): void
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

interface ConnectionInsides {
  readonly _sock: Socket
  readonly _protocol: Protocol
  readonly _chanMgr: {
    add(opened: OpenedChannel & { type: string }): number
    get(id: number): unknown
  }
  /** Who waits for answers to global requests, of a client. */
  readonly _callbacks: (() => void)[]
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

/** The software version in the other side's SSH identification, such as `OpenSSH_9.2p1`. */
export function remoteSoftwareOf(client: Client): string {
  return inside(client)._remoteVer ?? 'unknown'
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
  let pending: number | undefined
  protocol.channelSuccess = (id) => {
    pending = id
  }
  let channel: ServerChannel | undefined
  try {
    channel = accept()
  } finally {
    delete (protocol as Partial<Protocol>).channelSuccess
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
  const channelOpenFail = protocol.channelOpenFail.bind(protocol)
  protocol.channelOpenFail = (id) => channelOpenFail(id, administrativelyProhibited, why)
  try {
    reject()
  } finally {
    delete (protocol as Partial<Protocol>).channelOpenFail
  }
}

/** Sends EOF to the client and leaves the channel open, which ssh2's own `end()` does not. */
export function sendEof(channel: ServerChannel): void {
  const { outgoing, _client: connection } = insideChannel(channel)
  if (outgoing.state !== 'open' || connection._sock.destroyed) return
  outgoing.state = 'eof'
  connection._protocol.channelEOF(outgoing.id)
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

export type ChannelRefusal = { readonly step: 'open' | 'request'; readonly message: string }

/** A channel that a device opened; whether it refused the terminal, which does not hinder what the channel is for. */
export interface OpenedSession {
  readonly channel: ClientChannel
  readonly terminalRefused: boolean
}

/**
 * Opens a session channel on a link and makes on it the request that it is for, after those for its environment and its terminal.
 * ssh2's own `subsys()` forgets to close the channel when the request is refused, which uses up the device's sessions.
 */
export function openSessionChannel(
  client: Client,
  request: ChannelRequest,
  done: (refusal: ChannelRefusal | undefined, opened: OpenedSession | undefined) => void,
): void {
  const { _protocol: protocol, _chanMgr: channels, _sock: socket } = inside(client)
  if (socket.destroyed) return done({ step: 'open', message: 'the link is closed' }, undefined)
  const credit = creditOf(client)
  const asked = performance.now()
  const opened = Object.assign(
    ((error, channel) => {
      if (error) return done({ step: 'open', message: error.message }, undefined)
      credit.add(channel, performance.now() - asked)
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
        done({ step: 'request', message: 'the device refused the request' }, undefined)
      })
      insideChannel(channel).subtype = request.kind
      if (request.kind === 'subsystem') protocol.subsystem(outgoing.id, request.name, true)
      else if (request.kind === 'exec') protocol.exec(outgoing.id, request.command, true)
      else protocol.shell(outgoing.id, true)
    }) satisfies OpenedChannel,
    { type: 'session' },
  )
  const id = channels.add(opened)
  if (id === -1) return done({ step: 'open', message: 'the link has no free channel number' }, undefined)
  protocol.session(id, credit.initialWindow, receivePacketSize)
}

function sendTerminal(protocol: Protocol, id: number, { type, modes, ...size }: Terminal): void {
  const { columns, rows, width, height } = size
  const fields = [sshString(type), ...[columns, rows, width, height].map(sshUint32), sshString(modes)]
  sendChannelRequest(protocol, id, 'pty-req', true, ...fields)
}

/** ssh2 counts on exactly this for the channels it makes (`lib/Channel.js`). */
const receivePacketSize = 32 * 1024

/** Octets that wait in a channel's own queues before its source is paused; more than one packet, far below the window. */
const channelHighWaterMark = 256 * 1024

const standardError = 1

/**
 * Makes writes to a channel honour the peer's window *and* the socket: a write is done once its octets were handed to a socket
 * that has room, outside a key re-exchange (during which ssh2 queues without bound). So `pipe()` stops the source of a peer that does not read.
 * Standard error of a server's channel goes the same way, in order.
 */
export function governFlow(channel: ServerChannel | ClientChannel): void {
  const insides = insideChannel(channel)
  const { outgoing, _client: connection } = insides
  const congestion = congestionOf(connection)
  const pending: { data: Buffer; readonly extended: boolean; readonly done: () => void }[] = []

  const pump = (): void => {
    let write = pending[0]
    while (write !== undefined) {
      if (outgoing.state !== 'open' || connection._sock.destroyed) {
        write.data = empty
      } else if (write.data.length > 0) {
        if (congestion.congested()) return congestion.whenRelieved(pump)
        if (outgoing.window === 0) {
          insides._chunk = undefined
          insides._chunkcb = pump
          insides._waitWindow = true
          return
        }
        const size = Math.min(write.data.length, outgoing.window, Math.max(outgoing.packetSize, 1))
        const slice = write.data.subarray(0, size)
        outgoing.window -= size
        congestion.gather()
        if (write.extended) connection._protocol.channelExtData(outgoing.id, slice, standardError)
        else connection._protocol.channelData(outgoing.id, slice)
        write.data = write.data.subarray(size)
      }
      if (write.data.length === 0) {
        pending.shift()
        write.done()
      }
      write = pending[0]
    }
  }
  const governed = (extended: boolean) => (data: Buffer, _encoding: string, done: () => void) => {
    pending.push({ data, extended, done })
    if (pending.length === 1) pump()
  }

  Object.assign(channel, { _write: governed(false) })
  insides._readableState.highWaterMark = channelHighWaterMark
  insides._writableState.highWaterMark = channelHighWaterMark
  const stderr = channel.stderr as unknown as Writable | undefined
  if (stderr !== undefined && '_write' in stderr) Object.assign(stderr, { _write: governed(true) })
  const close = channel.close.bind(channel)
  // Whoever waits for a write must hear of a close too, even when the peer's window never opens again.
  channel.close = (...exit: unknown[]) => {
    ;(close as (...exit: unknown[]) => void)(...exit)
    congestion.forget(pump)
    pump()
  }
  congestion.remember(pump)
  refuseBeyondWindow(channel)
}

/** Ends the connection of a peer that sends more than the window allows; ssh2 would keep all of it. */
function refuseBeyondWindow(channel: ServerChannel | ClientChannel): void {
  const { incoming, _client: connection } = insideChannel(channel)
  const guard = (stream: Readable): void => {
    const push = stream.push.bind(stream)
    stream.push = (data: Buffer | null) => {
      if (data === null || incoming.window >= 0) return push(data)
      connection._sock.destroy()
      return false
    }
  }
  guard(channel)
  if ('_read' in channel.stderr) guard(channel.stderr)
}

/** Octets, and packets held back during a key re-exchange, that a peer may leave unread. Channel data alone stays far below. */
const maxUnreadOctets = 4 * 1024 * 1024
const maxHeldPackets = 10_000

/**
 * Ends the connection of a peer that makes us answer without reading the answers (to global requests, say):
 * channel data is governed, but ssh2 writes every other answer whether or not the socket has room.
 */
export function boundUnreadAnswers(connection: Client | Connection): void {
  const { _sock: socket, _protocol: protocol } = inside(connection)
  socket.on('data', () => {
    if (socket.writableLength > maxUnreadOctets || (protocol._queue?.length ?? 0) > maxHeldPackets) socket.destroy()
  })
}

/**
 * Lets somebody else decide when what a device sent is worked on: key exchange costs milliseconds. Nothing more is read from its socket meanwhile.
 * @param run does the work, at once or later
 * @returns ends that: what is sent from then on is worked on as it comes
 */
export function governWork(client: Client, run: (work: () => void) => void): () => void {
  const { _protocol: protocol, _sock: socket } = inside(client)
  const { parse } = protocol
  const governed: Protocol['parse'] = (data, start, end) => {
    socket.pause()
    run(() => {
      try {
        // Once the connection has failed, ssh2 has another function in this place and has freed what this one needs.
        if (protocol.parse === governed) parse.call(protocol, data, start, end)
      } catch (error) {
        client.emit('error', error)
        socket.end()
      }
      socket.resume()
    })
  }
  protocol.parse = governed
  return () => {
    if (protocol.parse === governed) delete (protocol as Partial<Protocol>).parse
  }
}

/** Asks a server whether it is there (`keepalive@openssh.com`); `answered` is called when it answers, whatever it says. */
export function probe(client: Client, answered: () => void): void {
  const { _callbacks: callbacks, _protocol: protocol, _sock: socket } = inside(client)
  if (!socket.writable) return
  // Answers to global requests come in their order (RFC 4254 §4).
  callbacks.push(answered)
  protocol.ping()
}

/** Ends the connection to a server that answers nothing, as ssh2 does when its own keepalive gives up. */
export function giveUpSilent(client: Client): void {
  client.emit('error', Object.assign(new Error('Keepalive timeout'), { level: 'client-timeout' }))
  inside(client)._sock.destroy()
}

const empty = Buffer.alloc(0)

export interface Congestion {
  /** The socket holds more than it should, or a key re-exchange is under way. */
  congested(): boolean
  whenRelieved(resume: () => void): void
  /** Lets what is written until the end of this turn of the event loop go out in one system call: the packets of many channels, say. */
  gather(): void
  /** Keeps a pump until its channel closes: it is run when the connection is lost. */
  remember(pump: () => void): void
  forget(pump: () => void): void
}

const congestions = new WeakMap<ConnectionInsides, Congestion>()

export function congestionOf(connection: ConnectionInsides): Congestion {
  const known = congestions.get(connection)
  if (known !== undefined) return known
  const { _sock: socket, _protocol: protocol } = connection
  const pumps = new Set<() => void>()
  let waiting: (() => void)[] = []
  const wake = (): void => {
    const ready = waiting
    waiting = []
    for (const resume of ready) resume()
  }
  socket.on('drain', wake)
  socket.once('close', () => {
    for (const pump of pumps) pump()
    pumps.clear()
  })
  connection.on('handshake', wake)
  let packets = 0
  let gathering = false
  const endTurn = (): void => {
    packets = 0
    if (!gathering) return
    gathering = false
    socket.uncork()
  }
  const congestion: Congestion = {
    gather: () => {
      packets += 1
      if (packets === 1) setImmediate(endTurn)
      // The first packet of a connection with one channel would wait for no other.
      if (gathering || (packets === 1 && pumps.size < 2)) return
      gathering = true
      socket.cork()
    },
    congested: () => !socket.destroyed && (socket.writableNeedDrain || protocol._kexinit !== undefined),
    whenRelieved: (resume) => {
      if (!waiting.includes(resume)) waiting.push(resume)
    },
    remember: (pump) => pumps.add(pump),
    forget: (pump) => pumps.delete(pump),
  }
  congestions.set(connection, congestion)
  return congestion
}
