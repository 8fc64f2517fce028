import type { Server } from 'node:net'
import { createKeepalive, type Keepalive } from '../ssh/keepalive.js'
import type { Log } from '../telemetry/log.js'
import { KeptPeer } from './kept-peer.js'
import type { NodeIdentity } from './node-identity.js'
import { PEER_LIMITS, type PeerLimits } from './peer-limits.js'
import { type AcceptedPeer, createPeerServer } from './peer-listener.js'
import type { NodeLife, PeerMessage } from './peer-messages.js'
import { peerRefusal } from './peer-refusals.js'
import type { PeerListener, Peers } from './peers.js'
import { servePeer } from './serve-peer.js'

/** The connections between this node and the others, over SSH. */
export interface SshPeers extends Peers {
  /** What other nodes dial; the caller makes it listen on `cluster.listen`. */
  readonly server: Server
  /** Dials every peer anew by another identity; what is open goes on, on the connections that there were. */
  readonly renew: () => void
  readonly counts: () => PeerCounts
  /** Ends every connection, with all sessions on them. */
  readonly close: () => void
}

/** For the metrics. */
export interface PeerCounts {
  /** Those that there are to be reached. */
  readonly peers: number
  /** Those that this node has dialled and that have let it in. */
  readonly reached: number
  /** Connections of peers, and of whoever else dials, to this node. */
  readonly accepted: number
  /** Sessions of clients of this node at other nodes. */
  readonly sessions: number
}

export interface SshPeersOptions {
  readonly self: NodeLife
  /** Asked at each connection: another one comes with a reload. */
  readonly identity: () => NodeIdentity
  readonly listener: PeerListener
  readonly log: Log
  readonly limits?: Partial<PeerLimits>
  readonly keepalive?: Keepalive
}

/** A life of another node as it is heard: the connection that it has dialled last, and whether its hello is whole. */
interface Heard {
  readonly life: NodeLife
  readonly by: AcceptedPeer
  isWhole: boolean
}

/**
 * Each node dials each other one and keeps that connection: on it go what it says, in the control channel, and sessions
 * of its clients on devices of the other one. What the other one says, and its clients' sessions here, come on the
 * connection that the other one has dialled.
 *
 *     a ──dials──▶ b     control: hello, proven, claimed …      sessions of clients of a on devices of b
 *     a ◀──dials── b     control: hello, proven, claimed …      sessions of clients of b on devices of a
 */
export function createSshPeers(options: SshPeersOptions): SshPeers {
  const { self, identity, listener, log, keepalive = createKeepalive() } = options
  const limits: PeerLimits = { ...PEER_LIMITS, ...options.limits }
  const kept = new Map<string, KeptPeer>()
  const accepted = new Map<string, Set<AcceptedPeer>>()
  const heard = new Map<string, Heard>()

  /** The newest control channel of a node counts, but never that of an earlier life. */
  const begun = (by: AcceptedPeer, life: NodeLife): boolean => {
    const before = heard.get(life.node)
    if (before !== undefined && before.life.incarnation > life.incarnation) return false
    heard.set(life.node, { life, by, isWhole: false })
    if (before?.isWhole === true) listener.disconnected(before.life)
    if (before !== undefined && before.life.incarnation < life.incarnation) before.by.end(peerRefusal('renewed'))
    return true
  }
  const told = (by: AcceptedPeer, life: NodeLife, message: PeerMessage): void => {
    const from = heard.get(life.node)
    if (from?.by !== by || message.type === 'ping') return
    listener.told(life, message)
    if (message.type !== 'hello' || !message.last) return
    from.isWhole = true
    listener.connected(life)
  }
  const gone = (by: AcceptedPeer): void => {
    const ofNode = accepted.get(by.node)
    ofNode?.delete(by)
    if (ofNode?.size === 0) accepted.delete(by.node)
    const last = heard.get(by.node)
    if (last?.by !== by) return
    heard.delete(by.node)
    if (last.isWhole) listener.disconnected(last.life)
  }

  const accept = (by: AcceptedPeer): void => {
    const { node, source, connection } = by
    const ofNode = accepted.get(node) ?? new Set()
    accepted.set(node, ofNode.add(by))
    const [oldest] = ofNode
    if (ofNode.size > limits.maxConnectionsPerNode) oldest?.end(peerRefusal('too-many-of-node'))
    connection.once('close', () => gone(by))
    log.info({ node, source }, 'peer logged in')
    servePeer(by, {
      self,
      limits,
      keepalive,
      asked: listener.asked,
      begun: (life) => begun(by, life),
      told: (life, message) => told(by, life, message),
      log,
    })
  }
  const server = createPeerServer({ identity, limits, log, accepted: accept })

  const beginning = (): readonly string[] => listener.hello().map((part) => JSON.stringify(part))

  return {
    server: server.server,
    tellAll: (message) => {
      const line = JSON.stringify(message)
      for (const peer of kept.values()) peer.say(line)
    },
    tell: (node, message) => kept.get(node)?.say(JSON.stringify(message)),
    reached: (node) => {
      const from = heard.get(node)
      return from?.isWhole === true ? from.life : undefined
    },
    setNodes: (nodes) => {
      const listed = new Set(nodes.map(({ node }) => node))
      for (const [node, peer] of kept) {
        if (listed.has(node)) continue
        kept.delete(node)
        peer.close(peerRefusal('not-listed'))
      }
      for (const peer of nodes) {
        if (peer.node === self.node) continue
        const known = kept.get(peer.node)
        if (known === undefined)
          kept.set(peer.node, new KeptPeer({ self, peer, identity, limits, keepalive, beginning, log }))
        else known.moveTo(peer)
      }
    },
    openSession: (wanted, signal) => {
      const { node } = wanted.holder
      const peer = kept.get(node)
      if (peer !== undefined) return peer.openSession(wanted, signal)
      return Promise.resolve({ ok: false, cause: 'unreachable', message: `node ${node} is not known here` })
    },
    renew: () => {
      for (const peer of kept.values()) peer.renew()
    },
    counts: () => {
      const peers = [...kept.values()]
      return {
        peers: peers.length,
        reached: peers.filter(({ isReached }) => isReached).length,
        accepted: server.connections(),
        sessions: peers.reduce((sum, { sessions }) => sum + sessions, 0),
      }
    },
    close: () => {
      for (const peer of kept.values()) peer.close(peerRefusal('stopping'))
      kept.clear()
      server.close()
    },
  }
}
