import type { Elsewhere, OpeningElsewhere, SessionElsewhere } from '../fleet/elsewhere.js'
import type { SessionOpening } from '../fleet/fleet.js'
import type { LinkEnd } from '../fleet/link.js'
import { LINK_END_REASONS, linkEnd } from '../fleet/refusals/link-ends.js'
import { requestOf } from './asked-request.js'
import { type ClaimOutcome, type Claims, createClaims, type HandedTo } from './claims.js'
import { createContestCounter } from './contest-counter.js'
import type { ClusterClock } from './cluster-clock.js'
import { createDirectory, type Directory, type Whereabouts } from './directory.js'
import { type ClusterEngine, type EndedLink, EngineFailure, type NodeRecord, type SeenNode } from './engine.js'
import type { EngineTime } from './engine-time.js'
import { createMembership, type Gap, type Membership, type MembershipLimits } from './membership.js'
import { fleetRefusal, nodeRefusal } from './node-refusals.js'
import {
  type Hello,
  type HeldDevice,
  MAX_HELD_IN_HELLO,
  type NodeLife,
  type PeerMessage,
  SESSION_ASK_VERSION,
  type SessionAsk,
  type SessionNo,
} from './peer-messages.js'
import type { AskAnswer, PeerListener, Peers } from './peers.js'

/**
 * A node of a cluster: what it does when a device is proven here, when a peer or the engine says something, and when
 * neither has for a while.
 *
 * The engine decides, peers tell, polling heals. The connection of a device is the truth: it is used from the moment
 * that it is proven, and everything that is written or told of it only orders it among those of other nodes. No node is
 * ever marked as dead.
 *
 *     fleet ──attached, detached, openSession──▶ ┌──────────────┐ ──claim, release, naming, find──▶ engine
 *           ◀──handOver, openSession──────────── │ cluster node │ ──beat──────────────────────────▶
 *                                                └──────────────┘
 *                                                  │ ▲   proven, claimed, detached, hello; sessions
 *                                                  ▼ │
 *                                                 peers
 */
export interface ClusterNode extends Pick<PeerListener, 'connected' | 'disconnected' | 'told' | 'hello' | 'asked'> {
  readonly life: NodeLife
  /** What the fleet of this node is given. */
  readonly elsewhere: Elsewhere
  /** All other nodes, as the engine knew them last. */
  readonly others: () => readonly SeenNode[]
  readonly engineIsUp: () => boolean
  readonly status: () => ClusterStatus
  /** Milliseconds since the engine answered last: so old is what is known of other nodes. */
  readonly staleFor: () => number
  /** How many devices each node has, as far as this one has heard. */
  readonly devicesByNode: () => ReadonlyMap<string, number>
  /**
   * Has the devices of this node call others: tells that it is draining, and lets go of the links that nobody uses, a
   * few at a time, the others as their last session ends. Settles when none is left; clients of other nodes have
   * sessions on those that are here until then. Its own clients get theirs where the devices are now.
   */
  readonly drain: () => Promise<void>
  /**
   * Ends the life of this node in order: what it has had is free for others at once, as far as the engine answers.
   */
  readonly leave: () => Promise<void>
  /** Stops at once, as a process that is killed does. */
  readonly close: () => void
}

/** What is to be told of the cluster by this node. */
export interface ClusterStatus {
  readonly engineIsUp: boolean
  readonly held: number
  /** Devices of which somebody has said where they are. */
  readonly known: number
  /** Milliseconds that the clock of the engine is known to at best. */
  readonly clockError: number
}

export interface ClusterNodeOptions {
  readonly life: NodeLife
  readonly engine: ClusterEngine
  readonly peers: Peers
  readonly here: ThisNode
  readonly record: () => NodeRecord
  readonly clock: ClusterClock
  readonly limits: MembershipLimits
  /** The clock of the engine, which has answered once. */
  readonly time: EngineTime
  readonly report?: ClusterReport
  /** Messages that are for others than this: `changed`, `crowded`, `event`, `kill`, `draining`. */
  readonly passOn?: (peer: NodeLife, message: PeerMessage) => void
}

/** The fleet of this node, as its cluster uses it. */
export interface ThisNode {
  /** A device has a newer link at another node: ends those here, unless it may have several. */
  readonly handOver: (deviceId: string, to: HandedTo) => 'ended' | 'kept'
  /** Ends links that nobody uses, at most so many; says how many are left. */
  readonly letLinksGo: (most: number) => number
  /** Opens a session on a link that is here, and nowhere else. */
  readonly openSession: (asked: SessionElsewhere, signal?: AbortSignal) => Promise<SessionOpening>
}

/** Who is told of what happens in the cluster, for the log and the metrics. */
export interface ClusterReport {
  /** Undefined where it answers again. */
  readonly engineChanged?: (failure: EngineFailure | undefined) => void
  /** Another process has begun a later life of this node: this one has to stop. */
  readonly superseded?: () => void
  readonly gap?: (kind: Gap | 'peer-back') => void
  /**
   * Links of a device have ended here three times within a minute, because it had a newer one at another node: it has
   * two clients that call home, each with a node of its own, or two devices have one identity.
   */
  readonly contested?: (deviceId: string, node: string | undefined) => void
  readonly claimed?: (outcome: ClaimOutcome, claims: number) => void
}

/** So many links are let go at a time while a node is draining, and so many milliseconds apart. */
const LET_GO_AT_ONCE = 50
const LET_GO_INTERVAL = 50

/** Milliseconds without a beat after which a node is not dialled any more, unless it is reached. */
const LONG_GONE = 24 * 60 * 60_000

/** So often another holder is looked up, where one says that it has not the device. */
const MAX_LOOKS = 3

export function createClusterNode(options: ClusterNodeOptions): ClusterNode {
  const { life, engine, peers, here, clock, time, report = {} } = options
  let draining = false
  let closed = false
  const recordNow = (): NodeRecord => ({ ...options.record(), ...(draining ? { state: 'draining' } : {}) })
  /** False after this process has slept, until it has compared what it has with what others did meanwhile. */
  let mayServe = true

  const directory: Directory = createDirectory({ life, engine, clock, reached: peers.reached })
  const contests = createContestCounter(clock.now)
  const handOver: ThisNode['handOver'] = (deviceId, to) => {
    const outcome = here.handOver(deviceId, to)
    if (outcome === 'ended' && contests.note(deviceId)) report.contested?.(deviceId, to.node)
    return outcome
  }
  const claims: Claims = createClaims({
    life,
    engine,
    clock,
    engineNow: time.now,
    tell: peers.tellAll,
    handOver,
    knownEpoch: directory.knownEpoch,
    learn: directory.learn,
    // Where there is no engine, the hellos of peers that come back have to do.
    verified: () => {
      mayServe = true
    },
    ...(report.claimed === undefined ? {} : { count: report.claimed }),
  })
  const gap = (kind: Gap | 'peer-back'): void => {
    report.gap?.(kind)
    if (kind === 'asleep') mayServe = false
    claims.verify()
  }
  const membership: Membership = createMembership({
    life,
    record: recordNow,
    engine,
    clock,
    time,
    limits: options.limits,
    gap,
    nodes: (others) =>
      peers.setNodes(others.filter(({ node, seenAgo }) => seenAgo < LONG_GONE || peers.reached(node) !== undefined)),
    // What it still has, it may serve until somebody stops it; but it takes nothing away from the later life.
    superseded: () => {
      claims.close()
      report.superseded?.()
    },
    engineChanged: (failure) => report.engineChanged?.(failure),
  })

  let stopVerifying = (): void => undefined
  const verifyRegularly = (): void => {
    stopVerifying = clock.after(options.limits.verify * (0.75 + clock.random() / 2), () => {
      claims.verify()
      verifyRegularly()
    })
  }
  verifyRegularly()

  /** A node says that it has a device. */
  const hears = (peer: NodeLife, device: HeldDevice, source?: string): void => {
    const { deviceId, provenAt } = device
    claims.heard(deviceId, { node: peer.node, provenAt }, source)
    directory.learn({ ...device, holder: peer })
  }

  const told: PeerListener['told'] = (peer, message) => {
    membership.notice()
    if (message.type === 'hello') for (const device of message.links) hears(peer, device)
    else if (message.type === 'proven') hears(peer, { ...message, epoch: 0 }, message.source)
    else if (message.type === 'claimed') hears(peer, message)
    else if (message.type === 'detached') {
      const { deviceId, epoch, provenAt, endedAt, end } = message
      directory.learn({ deviceId, epoch, provenAt, ended: { ...end, at: endedAt } })
      claims.freed(deviceId, { node: peer.node, provenAt })
    } else options.passOn?.(peer, message)
  }

  const hello = (): readonly Hello[] => {
    const links = claims.list()
    const parts = Math.max(1, Math.ceil(links.length / MAX_HELD_IN_HELLO))
    const { state, version } = recordNow()
    return Array.from({ length: parts }, (_, part) => ({
      ...life,
      type: 'hello',
      part,
      last: part === parts - 1,
      version,
      state,
      links: links.slice(part * MAX_HELD_IN_HELLO, (part + 1) * MAX_HELD_IN_HELLO),
    }))
  }

  const asked: PeerListener['asked'] = async (peer, ask, signal): Promise<AskAnswer> => {
    membership.notice()
    const no = refusalOf(ask)
    if (no !== undefined) return { ok: false, no }
    const { v: _version, owner: _owner, request, client, ...more } = ask
    const opening = await here.openSession(
      { ...more, request: requestOf(request), client: { ...client, node: peer.node } },
      signal,
    )
    if (opening.ok) return opening
    // Its link has ended since it was asked for.
    if (opening.refusal.reason === 'not-connected')
      return { ok: false, no: nodeRefusal('not-here', life.node, ask.deviceId) }
    return { ok: false, no: { ...opening.refusal, retry: false } }
  }

  /** Why this node serves an ask not at all: what it is addressed with has to be what this node has. */
  const refusalOf = ({ v, owner, deviceId }: SessionAsk): SessionNo | undefined => {
    if (v > SESSION_ASK_VERSION) return nodeRefusal('older-version', life.node)
    if (!mayServe) return nodeRefusal('not-verified', life.node)
    const held = claims.held(deviceId)
    const isMine = owner.node === life.node && owner.incarnation === life.incarnation
    if (held !== undefined && isMine && owner.epoch === held.epoch) return undefined
    const no = nodeRefusal('not-here', life.node, deviceId)
    return held === undefined ? no : { ...no, holder: { ...life, epoch: held.epoch, provenAt: held.provenAt } }
  }

  const openSession: Elsewhere['openSession'] = async (wanted, signal) => {
    let where: Whereabouts = { kind: 'nowhere' }
    for (let look = 0; look < MAX_LOOKS; look += 1) {
      where = await directory.find(wanted.deviceId)
      if (where.kind !== 'at') return notThere(where)
      const opening = await openAt(where.holder, wanted, signal)
      if (opening !== 'not-here') return opening
    }
    return notThere(where)
  }

  const notThere = (where: Whereabouts): OpeningElsewhere => {
    // One that has not what its row says has just lost it.
    if (where.kind !== 'nowhere') return unreachable(where.holder.node)
    if (where.ended === undefined) return { ok: false, cause: 'nowhere' }
    const { at, ...end } = where.ended
    return { ok: false, cause: 'nowhere', lost: { at: atThisMachine(at), end: readLinkEnd(end) } }
  }

  /** What the engine's clock said, by the clock of this machine, by which clients wait. */
  const atThisMachine = (at: number): Date => new Date(clock.wall() - (time.now() - at))

  /** As if its links had ended now, or when it was last seen where others may have what it had. */
  const unreachable = (node: string): OpeningElsewhere => {
    const seenAgo = membership.seenAgo(node) ?? 0
    const since = seenAgo > options.limits.lease ? seenAgo : 0
    return { ok: false, cause: 'unreachable', node, seen: atThisMachine(time.now() - since) }
  }

  const openAt = async (
    holder: Extract<Whereabouts, { readonly kind: 'at' }>['holder'],
    wanted: SessionElsewhere,
    signal: AbortSignal | undefined,
  ): Promise<OpeningElsewhere | 'not-here'> => {
    const opening = await peers.openSession({ ...wanted, holder }, signal)
    if (opening.ok) return { ...opening, node: holder.node }
    if (opening.cause === 'unreachable') return unreachable(holder.node)
    const { no } = opening
    if (no.reason === 'not-verified') return unreachable(holder.node)
    if (no.reason !== 'not-here') return { ok: false, cause: 'refused', refusal: fleetRefusal(no, holder.node) }
    directory.forget(wanted.deviceId, holder)
    if (no.holder !== undefined) {
      const { provenAt, ...named } = no.holder
      directory.learn({ deviceId: wanted.deviceId, holder: named, epoch: named.epoch, provenAt })
    }
    return 'not-here'
  }

  const close = (): void => {
    closed = true
    stopVerifying()
    membership.close()
    claims.close()
    directory.close()
  }

  return {
    life,
    elsewhere: {
      attached: ({ deviceId, source }) => claims.attached(deviceId, source),
      detached: claims.detached,
      openSession,
      nodeOf: (deviceId) => directory.holderOf(deviceId)?.node,
      watch: directory.watch,
    },
    connected: () => {
      gap('peer-back')
      directory.wakeAll()
    },
    disconnected: () => undefined,
    told,
    hello,
    asked,
    others: membership.others,
    engineIsUp: membership.engineIsUp,
    status: () => ({
      engineIsUp: membership.engineIsUp() && !claims.engineFails(),
      held: claims.list().length,
      known: directory.size(),
      clockError: time.error(),
    }),
    staleFor: membership.staleFor,
    devicesByNode: () => new Map([...directory.countByNode(), [life.node, claims.list().length]]),
    drain: () =>
      new Promise((resolve) => {
        draining = true
        peers.tellAll({ type: 'draining' })
        const letGo = (hadNone: boolean): void => {
          const hasNone = here.letLinksGo(LET_GO_AT_ONCE) === 0
          // At two looks, because a link that was let go just now has yet to say that it has ended.
          if (closed || (hadNone && hasNone)) resolve()
          else clock.after(LET_GO_INTERVAL, () => letGo(hasNone))
        }
        letGo(false)
      }),
    leave: async () => {
      membership.close()
      for (const { deviceId } of claims.list()) claims.detached(deviceId, linkEnd('shutdown'))
      await claims.settled()
      close()
      await membership.quiet()
      await engine.leave(life).catch((error: unknown) => {
        // Then others pass it over once its lease is over.
        if (!(error instanceof EngineFailure)) throw error
      })
    },
    close,
  }
}

/** How a link ended, in the words of the node that had it; a newer one may have other reasons. */
function readLinkEnd({ reason, message }: Pick<EndedLink, 'reason' | 'message'>): LinkEnd {
  const known = LINK_END_REASONS.find((one) => one === reason)
  return { reason: known ?? 'lost', message }
}
