import type { Connection, ServerChannel, Session } from 'ssh2'
import type { DeviceChannel } from '../fleet/link.js'
import { letGoOfChannel } from '../fleet/let-go-of-channel.js'
import { inBackground } from '../lib/background.js'
import { onFirstClose } from '../lib/first-close.js'
import { relay, type CutShort, type Farewell } from '../relay/relay.js'
import { relayPort } from '../relay/relay-port.js'
import type { Exit, WindowSize } from '../ssh/session-channel.js'
import { type HeldChannel, sendEof, sendExit } from '../ssh/ssh2/channels.js'
import { takeSessionRequests } from '../ssh/ssh2/session-requests.js'
import type { Log } from '../telemetry/log.js'
import { NO_SESSION_SIGNAL, type NodeLife, type SessionAsk, type SessionNo } from './peer-messages.js'
import type { PeerListener } from './peers.js'

/** What a node says on a session beside what it is for, of which nothing may be lost before the device is there. */
export interface AskedControls {
  readonly follow: (device: DeviceChannel) => void
}

/** Signals and breaks that wait for the device at most. */
const MAX_WAITING = 16

/** Takes new sizes, signals and breaks from the moment that the channel is opened. */
export function gatherControls(connection: Connection, session: Session): AskedControls {
  let device: DeviceChannel | undefined
  let size: WindowSize | undefined
  const waiting: ((device: DeviceChannel) => void)[] = []
  const tell = (say: (device: DeviceChannel) => void): void => {
    if (device !== undefined) say(device)
    else if (waiting.length < MAX_WAITING) waiting.push(say)
  }
  takeSessionRequests(connection, session, {
    // The terminal is in the ask.
    terminal: (_asked, answer) => answer(false),
    resize: (next) => {
      size = next
      device?.resize(next)
    },
    signal: (name) => tell((to) => to.signal(name)),
    sendBreak: (milliseconds) => tell((to) => to.sendBreak(milliseconds)),
  })
  return {
    follow: (opened) => {
      device = opened
      if (size !== undefined) opened.resize(size)
      for (const say of waiting.splice(0)) say(opened)
    },
  }
}

/** A channel by which a peer asks for a session. */
export interface AskedChannel {
  readonly connection: Connection
  readonly session: Session
  readonly held: HeldChannel
  readonly controls: AskedControls
}

export interface ServeAskOptions {
  readonly peer: NodeLife
  readonly ask: SessionAsk
  readonly asked: PeerListener['asked']
  readonly log: Log
}

/**
 * Serves a peer's ask for a session on a device whose link is here: opens it, answers as the device did, and relays
 * between the two until either side closes. The peer has the client, and looks after its rights, the audit and what it
 * reads.
 */
export async function serveAsk(channel: AskedChannel, { peer, ask, asked, log }: ServeAskOptions): Promise<void> {
  const { connection, session, held, controls } = channel
  const clientGone = new Promise<void>((resolve) => onFirstClose([session, connection], resolve))
  const cancel = new AbortController()
  inBackground(
    'session',
    clientGone.then(() => cancel.abort()),
  )
  const answer = await asked(peer, ask, cancel.signal)
  if (!answer.ok) return refuseAsk(held, answer.no, clientGone)
  const device = withoutOurSignal(answer.channel)
  if (cancel.signal.aborted) return letGoOfChannel(device)
  device.stream.on('error', (error: Error) => log.debug({ err: error }, 'device channel failed'))
  controls.follow(device)
  if (device.terminalRefused) await said(held.channel, { terminalRefused: true }, clientGone)
  held.confirm()
  const carried = { client: held.channel, device, session: answer.session, clientGone }
  const end = await (ask.request.kind === 'tcp' ? relayPort(carried) : relay({ ...carried, farewell }))
  log.debug({ sessionId: ask.sessionId, endedBy: end.by }, 'session of a client of another node closed')
}

/** Tells a peer why it gets no session. All of that goes out before the answer to its ask: see `openRemoteSession`. */
export async function refuseAsk({ channel, confirm }: HeldChannel, no: SessionNo, gone: Promise<void>): Promise<void> {
  channel.resume()
  await said(channel, no, gone)
  sendExit(channel, { signal: NO_SESSION_SIGNAL, message: no.message })
  confirm()
  sendEof(channel)
  channel.close()
}

function said(channel: ServerChannel, what: object, gone: Promise<void>): Promise<void> {
  const written = new Promise<void>((resolve) => {
    channel.stderr.write(`${JSON.stringify(what)}\n`, () => resolve())
  })
  return Promise.race([written, gone])
}

/** Standard error is the device's by now, so the words are those of the signal. */
function farewell(cut: CutShort): Farewell {
  const no = { ...whyCut(cut), hint: '', retry: false } satisfies SessionNo
  return { words: '', exit: { signal: NO_SESSION_SIGNAL, message: JSON.stringify(no) } }
}

function whyCut(cut: CutShort): Pick<SessionNo, 'reason' | 'message'> {
  if (cut.by === 'link') return cut.linkEnd
  if (cut.by === 'operator') return { reason: 'disconnected', message: `session killed by ${cut.killedBy}` }
  return cut.by === 'rights' ? cut.why : cut.violation
}

/** A device must not speak for its node: what it tells by a signal of that name is told by another name. */
function withoutOurSignal(device: DeviceChannel): DeviceChannel {
  const theirs = (exit: Exit): Exit =>
    'signal' in exit && exit.signal === NO_SESSION_SIGNAL ? { ...exit, signal: `${exit.signal}@device` } : exit
  return {
    ...device,
    closed: device.closed.then(({ exit }) => (exit === undefined ? {} : { exit: theirs(exit) })),
    ...(device.exited === undefined ? {} : { exited: device.exited.then(theirs) }),
  }
}
