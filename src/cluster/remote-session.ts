import type { ClientChannel } from 'ssh2'
import type { DeviceChannel, LinkEnd } from '../fleet/link.js'
import { LINK_END_REASONS } from '../fleet/refusals/link-ends.js'
import { sessionRefusal } from '../fleet/refusals/sessions.js'
import { inBackground } from '../lib/background.js'
import { onAbort } from '../lib/on-abort.js'
import { sshDeviceChannel } from '../relay/ssh-device-channel.js'
import type { Exit } from '../ssh/session-channel.js'
import { exitOf } from '../ssh/ssh2/channels.js'
import { type OpenedSession, openSessionChannel } from '../ssh/ssh2/open-session.js'
import { askedRequest } from './asked-request.js'
import type { DialledPeer } from './dial-peer.js'
import { nodeRefusal } from './node-refusals.js'
import {
  MAX_ASK_LENGTH,
  NO_SESSION_SIGNAL,
  SESSION_ASK_VERSION,
  type SessionAsk,
  type SessionNo,
} from './peer-messages.js'
import type { RemoteOpening, RemoteSession } from './peers.js'
import { readSessionNo, readSessionYes } from './read-peer-command.js'

/** Milliseconds, beside those that the client waits for a place, that the owner has to open a channel and to say so. */
const ANSWER_TIMEOUT = 60_000

/** Milliseconds that a node has to close a channel that was closed towards it; it answers probes all the while. */
const CLOSE_TIMEOUT = 30_000

/**
 * Opens a session at the node that has the device, on the connection to that node: a channel whose command is the ask.
 * What the node says of it comes on standard error before its answer, and a no with the signal `HOMEPORT` as well.
 * So once the answer is there, it is known whether the channel is the device's.
 */
export function openRemoteSession(
  peer: DialledPeer,
  wanted: RemoteSession,
  signal: AbortSignal | undefined,
): Promise<RemoteOpening> {
  const line = JSON.stringify(askOf(wanted))
  if (Buffer.byteLength(line) > MAX_ASK_LENGTH)
    return Promise.resolve(refused(nodeRefusal('ask-too-long', MAX_ASK_LENGTH)))
  return new Promise((resolve) => {
    let answered = false
    const settle = (opening: RemoteOpening): void => {
      answered = true
      clearTimeout(timer)
      stopListening()
      resolve(opening)
    }
    const giveUp = (opening: RemoteOpening): void => {
      if (answered) return
      giveUpChannel(() => undefined)
      settle(opening)
    }
    const timer = setTimeout(
      () => giveUp({ ok: false, cause: 'unreachable', message: 'it did not answer' }),
      wanted.wait + ANSWER_TIMEOUT,
    )
    let stopListening = (): void => undefined
    let giveUpChannel: ReturnType<typeof openSessionChannel> = () => undefined
    giveUpChannel = openSessionChannel(peer.client, { kind: 'exec', command: line }, (refusal, opened) => {
      if (opened !== undefined) return settle(read(opened, peer))
      const over = peer.over()
      if (over !== undefined || refusal === undefined)
        return settle({ ok: false, cause: 'unreachable', message: over?.message ?? 'it did not answer' })
      // The end of a connection answers whatever waits as if the peer had refused it, before it is told itself.
      if (refusal.step === 'request') return settle(refused(nodeRefusal('older-version', peer.node)))
      settle({ ok: false, cause: 'unreachable', message: refusal.message })
    })
    if (!answered)
      stopListening = onAbort(signal, () => giveUp(refused({ ...sessionRefusal('cancelled'), retry: false })))
  })
}

function askOf({ holder, request, ...more }: RemoteSession): SessionAsk {
  const { deviceId, client, account, keyExchange, sessionId, traceparent, wait } = more
  return {
    v: SESSION_ASK_VERSION,
    deviceId,
    owner: holder,
    request: askedRequest(request),
    client,
    ...(account === undefined ? {} : { account }),
    ...(keyExchange === undefined ? {} : { keyExchange }),
    sessionId,
    ...(traceparent === undefined ? {} : { traceparent }),
    wait,
  }
}

function refused(no: SessionNo): RemoteOpening {
  return { ok: false, cause: 'refused', no }
}

/** What a node has answered: all that it said before the answer is there. */
function read({ channel }: OpenedSession, peer: DialledPeer): RemoteOpening {
  const said = (channel.stderr.read() as Buffer | null)?.toString('utf8') ?? ''
  if (!isNo(exitOf(channel))) return { ok: true, channel: remoteChannel({ channel, ...readSessionYes(said) }, peer) }
  channel.on('error', () => undefined)
  channel.resume()
  channel.stderr.resume()
  channel.close()
  return refused(readSessionNo(said) ?? nodeRefusal('older-version', peer.node))
}

const isNo = (exit: Exit | undefined): boolean =>
  exit !== undefined && 'signal' in exit && exit.signal === NO_SESSION_SIGNAL

/** A device's channel, as the node has it that has its link. */
function remoteChannel(opened: OpenedSession, peer: DialledPeer): DeviceChannel {
  const { channel } = opened
  /** Why the owner cut it short, where it did. */
  let cut: LinkEnd | undefined
  channel.once('exit', () => {
    const exit = exitOf(channel)
    if (isNo(exit) && exit !== undefined && 'message' in exit) cut = endOf(exit.message, peer.node)
  })
  const awaited = new Set<() => boolean>()
  const over = (): LinkEnd | undefined => cut ?? peer.over()
  const { awaitReply: _, exited, closed, ...rest } = sshDeviceChannel(opened, { awaited, over }, watchClose)
  return {
    ...rest,
    closed: closed.then(({ exit }) => (exit === undefined || isNo(exit) ? {} : { exit })),
    exited: new Promise((resolve) => {
      if (exited !== undefined)
        inBackground(
          'session',
          exited.then((exit) => isNo(exit) || resolve(exit)),
        )
    }),
  }
}

function endOf(message: string, node: string): LinkEnd {
  const no = readSessionNo(message)
  const known = LINK_END_REASONS.find((reason) => reason === no?.reason)
  return { reason: known ?? 'node-lost', message: no?.message ?? `node ${node} ended the session` }
}

function watchClose(channel: ClientChannel, gaveUp: () => void): void {
  const timer = setTimeout(gaveUp, CLOSE_TIMEOUT)
  timer.unref()
  channel.once('close', () => clearTimeout(timer))
}
