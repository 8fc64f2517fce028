import {
  type ClusterNode,
  type ClusterNodeOptions,
  type ClusterReport,
  createClusterNode,
} from '../../../src/cluster/cluster-node.js'
import { SYSTEM_CLOCK } from '../../../src/cluster/cluster-clock.js'
import { startClusterNode } from '../../../src/cluster/start-cluster-node.js'
import { askedRequest } from '../../../src/cluster/asked-request.js'
import type { EngineTime } from '../../../src/cluster/engine-time.js'
import type { ClusterEngine, NodeRecord } from '../../../src/cluster/engine.js'
import type { MembershipLimits } from '../../../src/cluster/membership.js'
import type { PeerMessage } from '../../../src/cluster/peer-messages.js'
import type { Peers } from '../../../src/cluster/peers.js'
import type { Device } from '../../../src/fleet/device.js'
import { createLocalFleet, type FleetLimits, type LocalFleet } from '../../../src/fleet/local-fleet.js'
import { limits as usual, router } from '../../fleet/support/test-fleet.js'
import { createModelEngine, type ModelEngine } from './model-engine.js'

/** One clock for all, of which nobody is in doubt. */
const OF_ALL: EngineTime = { now: Date.now, answered: () => undefined, error: () => 0 }

export const LEASE = 6_000

/** A fleet and its cluster, as a bridge has them. */
export interface TestNode {
  readonly fleet: LocalFleet
  readonly cluster: ClusterNode
}

export interface TestCluster {
  readonly node: (id: string) => TestNode
  /** Messages that nodes send are lost from now on, or not; asking for sessions goes on. */
  readonly loseMessages: (lose: boolean) => void
  /** These two do not reach each other from now on. */
  readonly part: (one: string, other: string) => void
  readonly join: (one: string, other: string) => void
  /** The peers that a node was last told to dial. */
  readonly dialledBy: (id: string) => readonly string[]
  readonly close: () => void
}

/** The engine of the model with answers that come a turn later. */
export function engineInMemory(): ClusterEngine {
  const engine: ModelEngine = createModelEngine(Date.now, LEASE)
  const later = async <T>(work: () => T): Promise<T> => {
    await new Promise((resolve) => setImmediate(resolve))
    return work()
  }
  return {
    join: (...given) => later(() => engine.join(...given)),
    beat: (...given) => later(() => engine.beat(...given)),
    claim: (...given) => later(() => engine.claim(...given)),
    release: (...given) => later(() => engine.release(...given)),
    find: (...given) => later(() => engine.find(...given)),
    naming: (...given) => later(() => engine.naming(...given)),
    leave: (...given) => later(() => engine.leave(...given)),
  }
}

/**
 * Several fleets that are one cluster, in one process: the logic that ships, and connections between the nodes that are
 * calls of functions, a turn later, of copies.
 * @param engineFor what each node has of the engine
 */
export async function makeCluster(
  ids: readonly string[],
  {
    engineFor,
    changed = {},
    limits = {},
    asksForTime = false,
    devices = [router('router1'), router('router2')],
    reportOf,
  }: {
    readonly engineFor?: (node: string) => ClusterEngine
    readonly changed?: Partial<FleetLimits>
    readonly limits?: Partial<MembershipLimits>
    /** Nodes ask the engine what time it is, as they do; else they know, so that a device may call quickly. */
    readonly asksForTime?: boolean
    readonly devices?: readonly Device[]
    readonly reportOf?: (node: string) => ClusterReport
  } = {},
): Promise<TestCluster> {
  const shared = engineInMemory()
  const nodes = new Map<string, TestNode>()
  const parted = new Set<string>()
  const dialled = new Map<string, readonly string[]>()
  let losing = false
  const way = (one: string, other: string): string => [one, other].toSorted().join(' ')
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  const peersOf = (from: string): Peers => {
    const reached: Peers['reached'] = (id) =>
      id === from || parted.has(way(from, id)) ? undefined : nodes.get(id)?.cluster.life
    const tell = (id: string, message: PeerMessage): void => {
      const life = nodes.get(from)?.cluster.life
      if (life === undefined || losing || reached(id) === undefined) return
      const copy = structuredClone(message)
      setImmediate(() => nodes.get(id)?.cluster.told(life, copy))
    }
    return {
      tellAll: (message) => {
        for (const id of nodes.keys()) tell(id, message)
      },
      tell,
      reached,
      setNodes: (listed) =>
        void dialled.set(
          from,
          listed.map(({ node }) => node),
        ),
      openSession: async ({ holder, request, ...asked }, signal = new AbortController().signal) => {
        await turn()
        const life = nodes.get(from)?.cluster.life
        if (life === undefined || reached(holder.node) === undefined)
          return { ok: false, cause: 'unreachable', message: 'parted' }
        const ask = { ...structuredClone(asked), v: 1, owner: holder, request: askedRequest(request) }
        const answer = await nodes.get(holder.node)?.cluster.asked(life, ask, signal)
        await turn()
        if (answer === undefined) return { ok: false, cause: 'unreachable', message: 'gone' }
        return answer.ok
          ? { ok: true, channel: answer.channel }
          : { ok: false, cause: 'refused', no: structuredClone(answer.no) }
      },
    }
  }

  const join = (one: string, other: string): void => {
    parted.delete(way(one, other))
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const [said, hearing] = [nodes.get(from)?.cluster, nodes.get(to)?.cluster]
      if (said === undefined || hearing === undefined) continue
      for (const part of said.hello()) hearing.told(said.life, structuredClone(part))
      hearing.connected(said.life)
    }
  }

  for (const id of ids) {
    const engine = engineFor?.(id) ?? shared
    const record: NodeRecord = {
      node: id,
      address: `${id}:4350`,
      state: 'up',
      version: '0',
      configHash: '',
      hostKeyFingerprint: '',
    }
    let fleet: LocalFleet | undefined = undefined
    const here = (): LocalFleet => {
      if (fleet === undefined) throw new Error('the fleet is made in a moment')
      return fleet
    }
    const options: Omit<ClusterNodeOptions, 'life' | 'time'> = {
      engine,
      peers: peersOf(id),
      here: {
        handOver: (...given) => here().handOver(...given),
        letLinksGo: (...given) => here().letLinksGo(...given),
        openSession: (...given) => here().openSession(...given),
      },
      record: () => record,
      clock: SYSTEM_CLOCK,
      ...(reportOf === undefined ? {} : { report: reportOf(id) }),
      limits: { heartbeat: 200, lease: LEASE, verify: 60_000, ...limits },
    }
    const cluster = asksForTime
      ? await startClusterNode(options)
      : createClusterNode({ ...options, life: await engine.join(record), time: OF_ALL })
    fleet = createLocalFleet({
      devices,
      limits: { ...usual, ...changed },
      elsewhere: cluster.elsewhere,
    })
    nodes.set(id, { fleet, cluster })
  }
  for (const one of ids) for (const other of ids) if (one < other) join(one, other)

  return {
    node: (id) => {
      const node = nodes.get(id)
      if (node === undefined) throw new Error(`there is no node ${id}`)
      return node
    },
    loseMessages: (lose) => {
      losing = lose
    },
    part: (one, other) => {
      parted.add(way(one, other))
      for (const [from, to] of [
        [one, other],
        [other, one],
      ] as const) {
        const life = nodes.get(from)?.cluster.life
        if (life !== undefined) nodes.get(to)?.cluster.disconnected(life)
      }
    },
    join,
    dialledBy: (id) => dialled.get(id) ?? [],
    close: () => {
      for (const { fleet, cluster } of nodes.values()) {
        fleet.close()
        cluster.close()
      }
    },
  }
}
