/**
 * What is asked on a session channel beside what it is for: a terminal, its size, signals (RFC 4254 §6.2, §6.7, §6.9)
 * and break (RFC 4335). ssh2 skips the first byte of a terminal's modes and so loses them all, knows no break, and
 * takes nothing of this after EOF.
 */
import type { Client, ClientChannel, Connection, Session } from 'ssh2'
import { type Congestion, congestionOf } from './flow-control.js'
import { type ChannelInsides, inside, insideChannel, type SessionInsides } from './internals.js'
import type { Terminal, WindowSize } from '../session-channel.js'
import { CHANNEL_REQUEST_MESSAGE, sendChannelRequest } from './packets.js'
import { wellFormedModes } from '../terminal-modes.js'
import { createWireReader, type WireReader } from '../wire-reader.js'
import { sshString, sshUint32 } from '../wire.js'
import { requireSsh2 } from './load.js'

// --- what a client asks ----------------------------------------------------------------------------------------------

/** Takes what a client asks on its session beside what the session is for. */
export interface SessionRequests {
  /** The answer may come later; requests that follow must be answered after it. */
  readonly terminal: (terminal: Terminal, answer: (granted: boolean) => void) => void
  readonly resize: (size: WindowSize) => void
  readonly signal: (name: string) => void
  readonly sendBreak: (milliseconds: number) => void
}

type Handler = (protocol: object, payload: Buffer) => unknown
type Owner = { readonly connection: Connection; readonly sessions: WeakMap<object, SessionRequests> }

const handlers = requireSsh2('ssh2/lib/protocol/handlers.js') as Handler[]
const owners = new WeakMap<object, Owner>()

const theirs = handlers[CHANNEL_REQUEST_MESSAGE] as Handler
handlers[CHANNEL_REQUEST_MESSAGE] = (protocol, payload) => {
  const owner = owners.get(protocol)
  if (owner === undefined || !taken(owner, payload)) return theirs(protocol, payload)
  return undefined
}

/** Gives these requests of a session to whoever serves it, instead of to ssh2. */
export function takeSessionRequests(connection: Connection, session: Session, requests: SessionRequests): void {
  const { _protocol: protocol } = inside(connection)
  const owner = owners.get(protocol) ?? { connection, sessions: new WeakMap() }
  owners.set(protocol, owner)
  owner.sessions.set(session, requests)
}

function taken({ connection, sessions }: Owner, payload: Buffer): boolean {
  const { _chanMgr: channels, _protocol: protocol, _sock: socket } = inside(connection)
  const reader = createWireReader(payload.subarray(1))
  const session = channels.get(reader.uint32()) as SessionInsides | undefined
  const requests = session === undefined ? undefined : sessions.get(session)
  if (session === undefined || requests === undefined) return false
  const type = reader.text()
  const wantReply = reader.uint8() !== 0
  let answered = false
  const answer = (granted: boolean): void => {
    if (answered || !wantReply || closed(session) || socket.destroyed) return
    answered = true
    const { id } = session._chanInfo.outgoing
    if (granted) protocol.channelSuccess(id)
    else protocol.channelFailure(id)
  }
  const take = requestOf(type, reader, { requests, answer })
  if (take === undefined || reader.failure() !== undefined) return false
  take()
  return true
}

/** Reads a request whole before anything of it is used; undefined for one that is none of ours. */
function requestOf(
  type: string,
  reader: WireReader,
  { requests, answer }: { readonly requests: SessionRequests; readonly answer: (granted: boolean) => void },
): (() => void) | undefined {
  if (type === 'pty-req') {
    const asked = { type: reader.text(), ...windowSize(reader) }
    const modes = wellFormedModes(reader.string())
    return modes === undefined ? () => answer(false) : () => requests.terminal({ ...asked, modes }, answer)
  }
  const then = (work: () => void) => () => {
    work()
    answer(true)
  }
  if (type === 'window-change') {
    const size = windowSize(reader)
    return then(() => requests.resize(size))
  }
  if (type === 'signal') {
    const name = reader.text()
    return then(() => requests.signal(name))
  }
  if (type === 'break') {
    const milliseconds = reader.uint32()
    return then(() => requests.sendBreak(milliseconds))
  }
  return undefined
}

function windowSize(reader: WireReader): WindowSize {
  return { columns: reader.uint32(), rows: reader.uint32(), width: reader.uint32(), height: reader.uint32() }
}

/** Whether either side has closed the channel of a session; its number may be another one's then. */
function closed({ _ending: ending, _channel: channel }: SessionInsides): boolean {
  return channel === undefined ? ending : channel.outgoing.state !== 'open' && channel.outgoing.state !== 'eof'
}

// --- what a device is asked ------------------------------------------------------------------------------------------

/** Tells a device what its client asks in the middle of a session. */
export interface ChannelControls {
  readonly resize: (size: WindowSize) => void
  readonly signal: (name: string) => void
  readonly sendBreak: (milliseconds: number) => void
}

/** Signals and breaks that wait for a device which takes nothing; more are dropped. */
const MAX_WAITING_CONTROLS = 16

/**
 * The controls of a channel. They take no window, so they wait while the socket has no room, and of several new sizes
 * the last one is sent: a client that sends them without end fills no memory, and does not end the link that others
 * share.
 */
export function controlsOf(channel: ClientChannel): ChannelControls {
  const { outgoing, _client: connection } = insideChannel(channel)
  const congestion: Congestion = congestionOf(connection)
  const waiting: { readonly type: string; readonly fields: readonly Buffer[] }[] = []
  let size: WindowSize | undefined

  const over = (): boolean => (outgoing.state !== 'open' && outgoing.state !== 'eof') || connection._sock.destroyed
  const flush = (): void => {
    while (!over() && (size !== undefined || waiting.length > 0)) {
      if (congestion.congested()) return congestion.whenRelieved(flush)
      const next = size === undefined ? waiting.shift() : { type: 'window-change', fields: sizeFields(size) }
      size = undefined
      if (next !== undefined)
        sendChannelRequest(connection._protocol, { recipient: outgoing.id, wantReply: false, ...next })
    }
  }
  const send = (type: string, field: Buffer): void => {
    if (waiting.length < MAX_WAITING_CONTROLS) waiting.push({ type, fields: [field] })
    flush()
  }
  return {
    resize: (next) => {
      size = next
      flush()
    },
    signal: (name) => send('signal', sshString(name)),
    sendBreak: (milliseconds) => send('break', sshUint32(milliseconds)),
  }
}

function sizeFields({ columns, rows, width, height }: WindowSize): readonly Buffer[] {
  return [columns, rows, width, height].map(sshUint32)
}

/**
 * Answers what a device asks on a channel whose command has ended: ssh2 does not, and OpenSSH's sshd, which sends its
 * keepalives on any open channel (one that a background process holds open, say), would take the link for dead.
 */
export function answerAfterExit(client: Client): void {
  const { _protocol: protocol, _chanMgr: channels } = inside(client)
  const original = protocol._handlers['CHANNEL_REQUEST']
  protocol._handlers['CHANNEL_REQUEST'] = (p, recipient, ...rest) => {
    const channel = channels.get(recipient as number) as ChannelInsides | undefined
    const [, wantReply] = rest
    if (wantReply === true && channel?._exit?.code !== undefined) {
      const { id, state } = channel.outgoing
      if (state === 'open' || state === 'eof') protocol.channelFailure(id)
      return
    }
    original?.(p, recipient, ...rest)
  }
}
