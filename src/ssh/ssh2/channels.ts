/** Channels of ssh2: answers that wait, EOF and how a command ended, which ssh2 has no way to tell by themselves. */
import type { ClientChannel, Connection, ServerChannel } from 'ssh2'
import type { Exit, ExitSignal } from '../session-channel.js'
import { sshString } from '../wire.js'
import { inside, insideChannel, type Protocol } from './internals.js'
import { sendChannelRequest } from './packets.js'

/** A channel whose request (subsystem, exec) was taken but not answered yet. */
export interface HeldChannel {
  readonly channel: ServerChannel
  /** Tells the client that its request succeeded. */
  readonly confirm: () => void
  /** Tells the client that its request failed, and closes the channel. */
  readonly refuse: () => void
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

/** Why a channel is not opened (RFC 4254 §5.1). */
export const OPEN_FAILURES = { prohibited: 1, 'connect-failed': 2, 'unknown-type': 3, shortage: 4 } as const

export type OpenFailure = keyof typeof OPEN_FAILURES

/** Refuses to open a channel, and says why; ssh2's own `reject` says `connect failed` and nothing. */
export function refuseChannel(
  connection: Connection,
  reject: () => void,
  { failure, why }: { readonly failure: OpenFailure; readonly why: string },
): void {
  const { _protocol: protocol } = inside(connection)
  const { channelOpenFail } = protocol
  protocol.channelOpenFail = (id) => channelOpenFail.call(protocol, id, OPEN_FAILURES[failure], why)
  try {
    reject()
  } finally {
    protocol.channelOpenFail = channelOpenFail
  }
}

/**
 * Settles once either side has closed the channel, whether or not all before it was read: ssh2 tells of a close only
 * then, so that a client whose last bytes nobody takes would never be gone.
 */
export function whenClosing(channel: ServerChannel): Promise<void> {
  return new Promise((resolve) => {
    const close = channel.close.bind(channel)
    channel.close = (...rest: Parameters<typeof close>) => {
      close(...rest)
      resolve()
    }
    channel.once('close', () => resolve())
  })
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

/** How the command of a channel has ended, as far as it was told, whoever listened then; undefined before. */
export function exitOf(channel: ClientChannel): Exit | undefined {
  const { code, signal, dump, desc } = insideChannel(channel)._exit ?? {}
  if (typeof code === 'number') return { status: code }
  if (signal === undefined) return undefined
  return { signal: signal.replace(/^SIG/, ''), message: desc ?? '', ...(dump === true ? { coreDumped: true } : {}) }
}

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
  sendChannelRequest(protocol, { recipient: id, type: 'exit-signal', wantReply: false, fields })
}
