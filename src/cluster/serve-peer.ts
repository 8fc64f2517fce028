import type { Session } from 'ssh2'
import { inBackground } from '../lib/background.js'
import { strangerText } from '../lib/stranger-text.js'
import type { Keepalive } from '../ssh/keepalive.js'
import { governFlow } from '../ssh/ssh2/flow-control.js'
import { type HeldChannel, holdAnswer, refuseChannel } from '../ssh/ssh2/channels.js'
import { probe, socketOf } from '../ssh/ssh2/connections.js'
import type { Log } from '../telemetry/log.js'
import { endAt, expired } from './kept-peer.js'
import { createLineReader } from './line-reader.js'
import { nodeRefusal } from './node-refusals.js'
import { MAX_LINE_LENGTH, type NodeLife, type PeerMessage } from './peer-messages.js'
import type { PeerLimits } from './peer-limits.js'
import type { AcceptedPeer } from './peer-listener.js'
import { peerRefusal } from './peer-refusals.js'
import type { PeerListener } from './peers.js'
import { readPeerCommand } from './read-peer-command.js'
import { readPeerMessage } from './read-peer-message.js'
import { gatherControls, refuseAsk, serveAsk } from './serve-ask.js'

export interface ServePeerOptions {
  /** This node. */
  readonly self: NodeLife
  readonly limits: PeerLimits
  readonly keepalive: Keepalive
  readonly asked: PeerListener['asked']
  /** The peer says which life of its node it is. False where a later one is known: the connection is ended then. */
  readonly begun: (life: NodeLife) => boolean
  readonly told: (life: NodeLife, message: PeerMessage) => void
  readonly log: Log
}

/** Serves what a peer asks for on the connection that it has dialled: its control channel, and sessions. */
export function servePeer(peer: AcceptedPeer, options: ServePeerOptions): void {
  const { connection, node, source, until, end } = peer
  const { self, limits, keepalive, asked, begun, told, log } = options
  const socket = socketOf(connection)
  let life: NodeLife | undefined
  let sessions = 0
  const stopProbes = keepalive.watch(
    {
      socket,
      probe: () => probe(connection),
      silent: () => {
        log.debug({ node, source }, 'peer that had dialled answers no probe any more')
        socket.destroy()
      },
    },
    { interval: limits.probeInterval, countMax: limits.probeCountMax, maxReplyWait: 0 },
  )
  const stopWaiting = endAt(until, () => end(expired()))
  connection.once('close', () => {
    stopProbes()
    stopWaiting()
  })

  const control = ({ channel, confirm }: HeldChannel, next: NodeLife): void => {
    confirm()
    channel.on('error', () => undefined)
    channel.once('end', () => void connection.end())
    if (next.node !== node || life !== undefined) return end(peerRefusal('malformed-line', 'the life of another node'))
    if (!begun(next)) return end(peerRefusal('too-many-of-node'))
    life = next
    let isMalformed = false
    const lines = createLineReader(MAX_LINE_LENGTH, (line) => {
      const read = readPeerMessage(line)
      if (!read.ok) {
        isMalformed = true
        end(peerRefusal('malformed-line', JSON.stringify(strangerText(line, 100))))
      } else if (read.message !== undefined) told(next, read.message)
      return read.ok && socket.writable
    })
    const read = (bytes: Buffer): void => {
      if (lines.take(bytes)) return
      // What still comes is nobody's.
      channel.off('data', read).resume()
      if (!isMalformed && socket.writable) end(peerRefusal('line-too-long', MAX_LINE_LENGTH))
    }
    channel.on('data', read)
  }

  const serve = (session: Session, held: HeldChannel, command: string): void => {
    const controls = gatherControls(connection, session)
    const read = readPeerCommand(command)
    governFlow(held.channel)
    if (read.kind === 'control') return control(held, read.life)
    held.channel.on('error', (error: Error) => log.debug({ err: error }, 'channel of a peer failed'))
    const isUnderstood = read.kind === 'ask' && life !== undefined
    const why = read.kind === 'neither' ? read.why : 'an ask before it said which life it is'
    if (!isUnderstood) log.warn({ node, source, why }, 'peer not understood')
    const served =
      isUnderstood && life !== undefined
        ? serveAsk({ connection, session, held, controls }, { peer: life, ask: read.ask, asked, log })
        : refuseAsk(
            held,
            nodeRefusal('older-version', self.node),
            new Promise((resolve) => held.channel.once('close', resolve)),
          )
    inBackground('session', served, () => held.channel.close())
  }

  connection.on('session', (accept, reject) => {
    if (sessions >= limits.maxSessionsPerConnection)
      return refuseChannel(connection, reject, { failure: 'shortage', why: 'too many sessions on this connection' })
    sessions += 1
    const session = accept()
    session.once('close', () => {
      sessions -= 1
    })
    session.on('exec', (take, _reject, { command }) => {
      const held = holdAnswer(connection, take)
      if (held !== undefined) serve(session, held, command)
    })
  })
}
