import { inBackground } from '../lib/background.js'
import type { ClusterClock } from './cluster-clock.js'
import type { EngineTime } from './engine-time.js'
import { type Beat, type ClusterEngine, EngineFailure, type NodeRecord, type SeenNode } from './engine.js'
import type { NodeLife } from './peer-messages.js'

/**
 * That this node is there, and who else is. It says so to the engine again and again, which is the lease of all that it
 * has claimed; no node is ever marked as dead, but whoever reads sees when it was seen.
 */
export interface Membership {
  /** All nodes but this one, as the engine said last. */
  readonly others: () => readonly SeenNode[]
  /** Milliseconds since a node was last seen by the engine, as far as this node knows. */
  readonly seenAgo: (node: string) => number | undefined
  /** Milliseconds since the engine answered last. */
  readonly staleFor: () => number
  /** Whether the engine answered last. */
  readonly engineIsUp: () => boolean
  /**
   * Whether this process has slept: asked before it serves a peer, because what comes in after a pause may come before
   * its timers have run.
   */
  readonly notice: () => void
  readonly close: () => void
  /** Settles when no beat is under way, which would enter a node anew whose row was taken out. */
  readonly quiet: () => Promise<void>
}

export interface MembershipOptions {
  readonly life: NodeLife
  /** What it says of itself; asked at each beat. */
  readonly record: () => NodeRecord
  readonly engine: Pick<ClusterEngine, 'beat'>
  readonly clock: ClusterClock
  readonly time: EngineTime
  readonly limits: MembershipLimits
  /** This node may not have heard what others did: it has to compare. `asleep`: it may not even have served. */
  readonly gap: (kind: Gap) => void
  readonly nodes: (others: readonly SeenNode[]) => void
  /** Another process has begun a later life of this node; told once. */
  readonly superseded: () => void
  /** The engine answers again, or does not; told once each. Undefined where it answers. */
  readonly engineChanged: (failure: EngineFailure | undefined) => void
}

export type Gap = 'asleep' | 'lease-over' | 'engine-back'

export interface MembershipLimits {
  /** Milliseconds between two beats. */
  readonly heartbeat: number
  /** Milliseconds without a beat after which others may claim what this node has. */
  readonly lease: number
  /**
   * Milliseconds, give or take a quarter, after which a node compares what it has with what the engine says although
   * nothing is known to have been missed: for what nobody thought of.
   */
  readonly verify: number
}

/** Milliseconds between two looks whether this process has slept, and how late one is then. */
const LOOK = 500
const ASLEEP = 2_000

export function createMembership(options: MembershipOptions): Membership {
  const { life, engine, clock, time, limits } = options
  let others: readonly SeenNode[] = []
  let lastBeat = clock.now()
  let lastLook = clock.now()
  let up = true
  let engineLife: string | undefined
  let closed = false
  let underWay: Promise<void> = Promise.resolve()
  let stopBeat = (): void => undefined
  let stopLook = (): void => undefined

  const beat = async (): Promise<void> => {
    const asked = clock.now()
    try {
      took(asked, await engine.beat(life, options.record()))
    } catch (error) {
      failed(error)
    }
  }

  const close = (): void => {
    closed = true
    stopBeat()
    stopLook()
  }

  const took = (asked: number, answer: Beat): void => {
    const answered = clock.now()
    if (closed) return
    time.answered({ asked, answered, engineNow: answer.now })
    const since = answered - lastBeat
    lastBeat = answered
    if (answer.superseded) {
      close()
      return options.superseded()
    }
    const isAnother = engineLife !== undefined && answer.engine !== engineLife
    engineLife = answer.engine
    if (!up) {
      up = true
      options.engineChanged(undefined)
    } else if (!isAnother && since <= limits.lease) return tellNodes(answer)
    options.gap(since > limits.lease ? 'lease-over' : 'engine-back')
    tellNodes(answer)
  }

  const tellNodes = (answer: Beat): void => {
    others = answer.nodes.filter(({ node }) => node !== life.node)
    options.nodes(others)
  }

  const failed = (error: unknown): void => {
    if (!(error instanceof EngineFailure)) throw error
    if (!up || closed) return
    up = false
    options.engineChanged(error)
  }

  const beatOn = (): void => {
    underWay = beat().finally(() => {
      if (!closed) stopBeat = clock.after(limits.heartbeat, beatOn)
    })
    inBackground('cluster', underWay)
  }

  const notice = (): void => {
    const late = clock.now() - lastLook - LOOK
    lastLook = clock.now()
    if (late > ASLEEP) options.gap('asleep')
  }

  const lookOn = (): void => {
    notice()
    stopLook = clock.after(LOOK, lookOn)
  }

  beatOn()
  lookOn()
  return {
    others: () => others,
    seenAgo: (node) => {
      const seen = others.find((other) => other.node === node)
      // While the engine is away, nobody is seen, and nobody is therefore gone.
      return seen === undefined || !up ? undefined : seen.seenAgo + clock.now() - lastBeat
    },
    staleFor: () => clock.now() - lastBeat,
    engineIsUp: () => up,
    notice,
    close,
    quiet: () => underWay.catch(() => undefined),
  }
}
