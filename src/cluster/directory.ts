import { inBackground } from '../lib/background.js'
import type { ClusterClock } from './cluster-clock.js'
import type { ClusterEngine, EndedLink, LinkRow } from './engine.js'
import type { Holder, NodeLife } from './peer-messages.js'

/** Which node has which device: what peers have told, else what the engine says. */
export interface Directory {
  /** Where a device is, by the cache where a node has it that is reached, else by the engine. Never fails. */
  readonly find: (deviceId: string) => Promise<Whereabouts>
  /** Takes in what somebody knows of a device. */
  readonly learn: (row: LinkRow) => void
  /** This holder has not the device: whoever asked it was told so. */
  readonly forget: (deviceId: string, holder: Holder) => void
  /** The greatest epoch that was heard of a device. */
  readonly knownEpoch: (deviceId: string) => number
  /**
   * Calls `wake` when a node that is reached has a device that it has not had before. While somebody waits, the engine
   * is asked again and again, because a message of a peer may be lost.
   * @returns what ends that
   */
  readonly watch: (deviceId: string, wake: () => void) => () => void
  /** Lets everybody who waits look again: a peer is reached that was not. */
  readonly wakeAll: () => void
  /** The node that has a device and is reached, as far as anybody has told; nobody is asked. */
  readonly holderOf: (deviceId: string) => Holder | undefined
  /** How many devices are known of each other node. */
  readonly countByNode: () => ReadonlyMap<string, number>
  /** How many devices are known. */
  readonly size: () => number
  readonly close: () => void
}

export type Whereabouts =
  /** A node has it that is reached. */
  | { readonly kind: 'at'; readonly holder: Holder }
  /** A node has it, or had, that is not reached: as if the link had been lost now. */
  | { readonly kind: 'unreachable'; readonly holder: Holder }
  /** Nobody has it; with how its last link ended, where that is known. */
  | { readonly kind: 'nowhere'; readonly ended?: EndedLink }

export interface DirectoryOptions {
  readonly life: NodeLife
  readonly engine: Pick<ClusterEngine, 'find'>
  readonly clock: ClusterClock
  /** The life of a node that is reached now. */
  readonly reached: (node: string) => NodeLife | undefined
  /** So many devices are remembered at most; the one that was learned of first is forgotten. */
  readonly maxKnown?: number
}

const MAX_KNOWN = 1_000_000

/** Milliseconds between two looks in the engine while somebody waits for a device. */
const POLL = 250

/** Devices in one statement. */
const MAX_BATCH = 1000

interface Known {
  readonly row: LinkRow
  /** Of all epochs that were heard of the device. */
  greatest: number
}

export function createDirectory(options: DirectoryOptions): Directory {
  const { life, engine, clock, reached, maxKnown = MAX_KNOWN } = options
  const known = new Map<string, Known>()
  const lives = new Map<string, NodeLife>()
  const watchers = new Map<string, Set<() => void>>()
  let stopPoll: (() => void) | undefined
  let closed = false

  const isReached = ({ node, incarnation }: NodeLife): boolean => reached(node)?.incarnation === incarnation

  const learn: Directory['learn'] = (row) => {
    const { deviceId } = row
    const before = known.get(deviceId)
    if (before !== undefined) before.greatest = Math.max(before.greatest, row.epoch)
    if (before !== undefined && !supersedes(row, before.row)) return
    const epoch = before?.row.provenAt === row.provenAt ? Math.max(row.epoch, before.row.epoch) : row.epoch
    if (known.size >= maxKnown && before === undefined) forgetOldest()
    known.set(deviceId, {
      row: { ...row, epoch, ...(row.holder === undefined ? {} : { holder: oneOf(row.holder) }) },
      greatest: before?.greatest ?? row.epoch,
    })
    if (row.holder !== undefined && isElsewhere(row.holder) && isReached(row.holder)) wake(deviceId)
  }

  /** One object for all devices of a life of a node: there may be a million. */
  const oneOf = (life: NodeLife): NodeLife => {
    const same = lives.get(life.node)
    if (same?.incarnation === life.incarnation) return same
    const { node, incarnation } = life
    const kept = { node, incarnation }
    lives.set(node, kept)
    return kept
  }

  const isElsewhere = ({ node }: NodeLife): boolean => node !== life.node

  const forgetOldest = (): void => {
    for (const deviceId of known.keys()) {
      known.delete(deviceId)
      return
    }
  }

  const wake = (deviceId: string): void => {
    for (const each of watchers.get(deviceId) ?? []) each()
  }

  const find: Directory['find'] = async (deviceId) => {
    const cached = known.get(deviceId)?.row
    if (cached?.holder !== undefined && isElsewhere(cached.holder) && isReached(cached.holder)) return whereIs(cached)
    try {
      const [row] = await engine.find([deviceId])
      if (row !== undefined) learn(row)
    } catch {
      // Whoever keeps the connection to the engine tells of it; here the cache has to do.
    }
    return whereIs(known.get(deviceId)?.row)
  }

  const whereIs = (row: LinkRow | undefined): Whereabouts => {
    if (row === undefined) return { kind: 'nowhere' }
    const { holder, epoch, ended } = row
    // A row that names this node, which has no link of it, is released soon.
    if (holder === undefined || !isElsewhere(holder))
      return { kind: 'nowhere', ...(ended === undefined ? {} : { ended }) }
    return { kind: isReached(holder) ? 'at' : 'unreachable', holder: { ...holder, epoch } }
  }

  const poll = async (): Promise<void> => {
    const waiting = [...watchers.keys()]
    for (let at = 0; at < waiting.length; at += MAX_BATCH)
      for (const row of await engine.find(waiting.slice(at, at + MAX_BATCH))) {
        learn(row)
        const now = known.get(row.deviceId)?.row
        if (now?.holder !== undefined && isElsewhere(now.holder) && isReached(now.holder)) wake(row.deviceId)
      }
  }

  const pollLater = (): void => {
    if (stopPoll !== undefined || closed || watchers.size === 0) return
    stopPoll = clock.after(POLL, () => {
      const polled = poll()
        .catch(() => undefined)
        .then(() => {
          stopPoll = undefined
          pollLater()
        })
      inBackground('cluster', polled)
    })
  }

  return {
    find,
    learn,
    forget: (deviceId, { node, incarnation, epoch }) => {
      const row = known.get(deviceId)?.row
      if (row?.holder?.node === node && row.holder.incarnation === incarnation && row.epoch === epoch)
        known.delete(deviceId)
    },
    knownEpoch: (deviceId) => known.get(deviceId)?.greatest ?? 0,
    watch: (deviceId, wakeUp) => {
      const those = watchers.get(deviceId) ?? new Set()
      watchers.set(deviceId, those.add(wakeUp))
      pollLater()
      return () => {
        those.delete(wakeUp)
        if (those.size === 0 && watchers.get(deviceId) === those) watchers.delete(deviceId)
      }
    },
    wakeAll: () => {
      for (const deviceId of watchers.keys()) wake(deviceId)
    },
    holderOf: (deviceId) => {
      const where = whereIs(known.get(deviceId)?.row)
      return where.kind === 'at' ? where.holder : undefined
    },
    countByNode: () => {
      const counts = new Map<string, number>()
      for (const { row } of known.values())
        if (row.holder !== undefined && isElsewhere(row.holder))
          counts.set(row.holder.node, (counts.get(row.holder.node) ?? 0) + 1)
      return counts
    },
    size: () => known.size,
    close: () => {
      closed = true
      stopPoll?.()
    },
  }
}

/**
 * Whether what was heard now says more than what was known before: a later proof, or of one and the same its epoch or
 * its end, but never its beginning after its end. The epoch does not order proofs: an engine that lost what was written
 * last gives it once more.
 */
function supersedes(row: LinkRow, before: LinkRow): boolean {
  if (row.provenAt !== before.provenAt) return row.provenAt > before.provenAt
  if (row.epoch > before.epoch) return true
  return before.holder !== undefined
}
