import { inBackground, reportFault } from '../lib/background.js'
import type { LinkEnd } from '../fleet/link.js'
import type { ClusterClock } from './cluster-clock.js'
import {
  type ClaimRelease,
  type ClaimWant,
  type ClusterEngine,
  EngineFailure,
  type GivenClaim,
  type LinkRow,
} from './engine.js'
import { isNewer, type ProvenThere } from './order.js'
import type { HeldDevice, NodeLife, PeerMessage } from './peer-messages.js'

/**
 * What this node has, and its claims on that. The connection is the truth: a device is held from the moment that it is
 * proven, and a claim only says in which order nodes had it.
 *
 *     proven here ──▶ held ──claim──▶ given: it has an epoch now
 *                      │ │ └────────▶ not given: a newer link is elsewhere ──▶ the link here ends
 *                      │ └──────────▶ the engine fails ──▶ verify, once it is back
 *                      ├── a peer says that it proved it later ──▶ the link here ends ──▶ released, unless the row
 *                      │                                                                is the peer's already
 *                      └── its last link ends ──▶ released
 */
export interface Claims {
  /** A device was proven here. @returns when, by the clock of the engine */
  readonly attached: (deviceId: string, source: string) => number
  /** The last link of a device here has ended. */
  readonly detached: (deviceId: string, end: LinkEnd) => void
  /** Another node says that it has a device. */
  readonly heard: (deviceId: string, there: ProvenThere, source?: string) => void
  /** Another node says that it has a device no longer, whose last link there was proven then. */
  readonly freed: (deviceId: string, there: ProvenThere) => void
  /** Compares what this node has with what the engine says, soon: after every gap in what this node could hear. */
  readonly verify: () => void
  readonly held: (deviceId: string) => HeldDevice | undefined
  readonly list: () => readonly HeldDevice[]
  /** Whether a claim or a verification has failed, and none has succeeded since. */
  readonly engineFails: () => boolean
  /** Settles when all is told to the engine that there is to tell now, or when it fails. */
  readonly settled: () => Promise<void>
  /** Claims nothing from now on. */
  readonly close: () => void
}

export interface ClaimsOptions {
  readonly life: NodeLife
  readonly engine: Pick<ClusterEngine, 'claim' | 'release' | 'find' | 'naming'>
  readonly clock: ClusterClock
  /** Milliseconds since 1970 by the clock of the engine. */
  readonly engineNow: () => number
  /** Tells all peers. */
  readonly tell: (message: PeerMessage) => void
  /**
   * Another node has proven a newer link of a device: ends those here, unless the device may have several at a time.
   * Says which: one that keeps them has its row at the other node for as long as that has it.
   */
  readonly handOver: (deviceId: string, to: HandedTo) => 'ended' | 'kept'
  /** The greatest epoch that was ever heard of a device. */
  readonly knownEpoch: (deviceId: string) => number
  /** What the engine said of a device. */
  readonly learn: (row: LinkRow) => void
  /** A verification is over; `failed` where the engine did not answer. */
  readonly verified: (outcome: 'verified' | 'failed') => void
  /** Claims are counted by what became of them. */
  readonly count?: (outcome: ClaimOutcome, claims: number) => void
}

/** The node that has the newer link, and where the device dialled from, as far as they were told. */
export interface HandedTo {
  readonly node?: string
  readonly source?: string
}

export type ClaimOutcome = 'given' | 'newer-elsewhere' | 'failed'

/** Devices in one statement. */
const MAX_BATCH = 500

/** Milliseconds between two attempts while the engine fails, give or take a half. */
const RETRY = 500

/** So many releases wait at most; the rows of others are found by the next verification. */
const MAX_RELEASES = 10_000

interface Holding {
  provenAt: number
  /** 0 until the first claim is given. A newer link of the same device here keeps it until it has its own. */
  epoch: number
  source: string
}

/** Longer than most functions, because all of it works on one table: what this node holds. */
export function createClaims(options: ClaimsOptions): Claims {
  const { life, engine, clock, tell } = options
  const held = new Map<string, Holding>()
  /** Those of `held` that have to be claimed. The claimer takes whatever gathered while its last statement ran. */
  const unclaimed = new Set<string>()
  const releases = new Map<string, ClaimRelease>()
  let verifyWanted = false
  let working = false
  let failing = false
  let closed = false
  let stopRetry: (() => void) | undefined
  const whenSettled = new Set<() => void>()

  const attached: Claims['attached'] = (deviceId, source) => {
    const before = held.get(deviceId)
    const provenAt = Math.max(options.engineNow(), (before?.provenAt ?? 0) + 1)
    held.set(deviceId, { provenAt, epoch: before?.epoch ?? 0, source })
    unclaimed.add(deviceId)
    releases.delete(deviceId)
    tell({ type: 'proven', deviceId, provenAt, source })
    work()
    return provenAt
  }

  const detached: Claims['detached'] = (deviceId, end) => {
    const holding = held.get(deviceId)
    if (holding === undefined) return
    letGo(deviceId)
    const { epoch, provenAt } = holding
    const endedAt = options.engineNow()
    tell({ type: 'detached', deviceId, epoch, provenAt, endedAt, end })
    // Also where it has no epoch: its first claim may be on its way, and is released when it is given.
    release(deviceId, epoch, { ...end, at: endedAt })
  }

  const heard: Claims['heard'] = (deviceId, there, source) => {
    const holding = held.get(deviceId)
    if (holding === undefined || !isNewer(there, { node: life.node, provenAt: holding.provenAt })) return
    giveUp(deviceId, { node: there.node, ...(source === undefined ? {} : { source }) })
    if (held.has(deviceId)) return
    // The row is the peer's as a rule by now, and stays. But the peer may lose the device before it could claim it.
    const ended = {
      at: options.engineNow(),
      reason: 'replaced',
      message: `the device dialled in again at ${there.node}`,
    }
    release(deviceId, holding.epoch, ended)
  }

  const freed: Claims['freed'] = (deviceId, there) => {
    const before = held.get(deviceId)
    heard(deviceId, there)
    const kept = held.get(deviceId)
    // Of a device that may have several links, those here are the newest now that the other ones have ended.
    if (kept !== undefined && kept === before && there.provenAt > kept.provenAt) attached(deviceId, kept.source)
  }

  const letGo = (deviceId: string): void => {
    held.delete(deviceId)
    unclaimed.delete(deviceId)
  }

  /** Ends what is here for a newer link elsewhere. */
  const giveUp = (deviceId: string, to: HandedTo): void => {
    const holding = held.get(deviceId)
    letGo(deviceId)
    if (options.handOver(deviceId, to) === 'kept' && holding !== undefined) held.set(deviceId, holding)
  }

  const unseenEnd = (): ClaimRelease['ended'] => ({
    at: options.engineNow(),
    reason: 'lost',
    message: 'its link has ended',
  })

  const release = (deviceId: string, epoch: number, ended: ClaimRelease['ended']): void => {
    if (releases.size >= MAX_RELEASES && !releases.has(deviceId)) return
    releases.set(deviceId, { deviceId, epoch, ended })
    work()
  }

  /** One statement at a time, so that a verification sees all that was claimed before it. */
  const work = (): void => {
    if (working) return
    const task = closed || stopRetry !== undefined ? undefined : nextTask()
    if (task === undefined) {
      for (const settle of whenSettled) settle()
      return whenSettled.clear()
    }
    working = true
    const done = task().then(
      () => {
        failing = false
      },
      (error: unknown) => {
        if (!(error instanceof EngineFailure)) reportFault('cluster', error)
        failed()
      },
    )
    const after = done.then(() => {
      working = false
      work()
    })
    inBackground('cluster', after)
  }

  const nextTask = (): (() => Promise<void>) | undefined => {
    if (verifyWanted) return verifyAll
    if (unclaimed.size > 0) return claimSome
    return releases.size > 0 ? releaseSome : undefined
  }

  /** Nobody knows what was done and what was not, so everything is compared as soon as there is an engine again. */
  const failed = (): void => {
    failing = true
    verifyWanted = true
    stopRetry = clock.after(RETRY * (0.5 + clock.random()), () => {
      stopRetry = undefined
      work()
    })
  }

  const claimSome = async (): Promise<void> => {
    const wants: ClaimWant[] = []
    for (const deviceId of unclaimed) {
      if (wants.length === MAX_BATCH) break
      unclaimed.delete(deviceId)
      const holding = held.get(deviceId)
      if (holding === undefined) continue
      const { provenAt, epoch, source } = holding
      wants.push({ deviceId, provenAt, source, known: Math.max(epoch, options.knownEpoch(deviceId)) })
    }
    if (wants.length === 0) return
    const given = await engine.claim(life, wants).catch((error: unknown) => {
      for (const { deviceId } of wants) if (held.has(deviceId)) unclaimed.add(deviceId)
      options.count?.('failed', wants.length)
      throw error
    })
    const byDevice = new Map(given.map((one) => [one.deviceId, one]))
    for (const want of wants) settle(want, byDevice.get(want.deviceId))
    options.count?.('given', given.length)
    options.count?.('newer-elsewhere', wants.length - given.length)
  }

  const settle = ({ deviceId, provenAt }: ClaimWant, given: GivenClaim | undefined): void => {
    const holding = held.get(deviceId)
    if (given === undefined) {
      // A newer link may have come here meanwhile, which is claimed next.
      if (holding?.provenAt === provenAt) giveUp(deviceId, {})
      return
    }
    const { epoch } = given
    options.learn({ deviceId, holder: life, epoch, provenAt })
    if (holding === undefined) return release(deviceId, epoch, releases.get(deviceId)?.ended ?? unseenEnd())
    holding.epoch = epoch
    tell({ type: 'claimed', deviceId, epoch, provenAt })
  }

  const releaseSome = async (): Promise<void> => {
    const some = [...releases.values()].slice(0, MAX_BATCH)
    const claimed = some.filter(({ epoch }) => epoch > 0)
    if (claimed.length > 0) await engine.release(life, claimed)
    for (const { deviceId, epoch } of some) if (releases.get(deviceId)?.epoch === epoch) releases.delete(deviceId)
  }

  /**
   * What the engine says of all that is held here, and of all that it says is here. A row may be older than what has
   * happened since it was read: each of these steps is right all the same, or is done once more than needed.
   */
  const verifyAll = async (): Promise<void> => {
    verifyWanted = false
    try {
      const named = await engine.naming(life.node)
      const unnamed = new Set(held.keys())
      for (const row of named) {
        unnamed.delete(row.deviceId)
        judge(row)
      }
      for (const ids of inParts([...unnamed], MAX_BATCH)) {
        const rows = new Map((await engine.find(ids)).map((row) => [row.deviceId, row]))
        for (const deviceId of ids) judge(rows.get(deviceId) ?? { deviceId, epoch: 0, provenAt: 0 })
      }
    } catch (error) {
      options.verified('failed')
      throw error
    }
    options.verified('verified')
  }

  const judge = (row: LinkRow): void => {
    const { deviceId, holder, epoch, provenAt } = row
    if (epoch > 0) options.learn(row)
    const holding = held.get(deviceId)
    const isMine = holder?.node === life.node
    if (holding === undefined) {
      if (isMine) release(deviceId, epoch, releases.get(deviceId)?.ended ?? unseenEnd())
      return
    }
    if (isMine && holder.incarnation === life.incarnation && epoch === holding.epoch && provenAt === holding.provenAt)
      return
    if (holder === undefined) freed(deviceId, { node: '', provenAt })
    else if (!isMine) heard(deviceId, { node: holder.node, provenAt })
    if (held.has(deviceId)) unclaimed.add(deviceId)
  }

  const describe = (deviceId: string, { epoch, provenAt }: Holding): HeldDevice => ({ deviceId, epoch, provenAt })

  return {
    attached,
    detached,
    heard,
    freed,
    verify: () => {
      verifyWanted = true
      work()
    },
    held: (deviceId) => {
      const holding = held.get(deviceId)
      return holding === undefined ? undefined : describe(deviceId, holding)
    },
    list: () => [...held].map(([deviceId, holding]) => describe(deviceId, holding)),
    engineFails: () => failing,
    settled: () =>
      new Promise((resolve) => {
        whenSettled.add(resolve)
        work()
      }),
    close: () => {
      closed = true
      stopRetry?.()
    },
  }
}

function inParts<T>(all: readonly T[], most: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / most) }, (_, at) => all.slice(at * most, (at + 1) * most))
}
