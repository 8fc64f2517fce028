import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SYSTEM_CLOCK } from '../../../src/cluster/cluster-clock.js'
import { type ClusterNode, createClusterNode } from '../../../src/cluster/cluster-node.js'
import type { ClusterEngine } from '../../../src/cluster/engine.js'
import type { EngineTime } from '../../../src/cluster/engine-time.js'
import type { PeerListener } from '../../../src/cluster/peers.js'
import { createSshPeers, type SshPeers } from '../../../src/cluster/ssh-peers.js'
import { createLocalFleet, type FleetLimits, type LocalFleet } from '../../../src/fleet/local-fleet.js'
import { createLog } from '../../../src/telemetry/log.js'
import { limits as usual, router } from '../../fleet/support/test-fleet.js'
import { type ClusterKeys, makeClusterKeys } from './cluster-keys.js'
import { eventually } from './eventually.js'
import { engineInMemory, LEASE } from './nodes-in-memory.js'

/** A node as a bridge has it: its fleet, what decides, and its connections to the others. */
export interface NodeOverSsh {
  readonly fleet: LocalFleet
  readonly cluster: ClusterNode
  readonly peers: SshPeers
  /** Ends it as kill -9 does: nobody is told, and its connections are reset by the system. */
  readonly kill: () => void
}

export interface ClusterOverSsh {
  readonly keys: ClusterKeys
  readonly engine: ClusterEngine
  readonly start: (id: string) => Promise<NodeOverSsh>
  readonly stop: () => void
}

/** One clock for all, of which nobody is in doubt. */
const OF_ALL: EngineTime = { now: Date.now, answered: () => undefined, error: () => 0 }

/** Nodes of a cluster in one process: all that ships but the engine, which is one in memory. */
export function clusterOverSsh({ changed = {} }: { readonly changed?: Partial<FleetLimits> } = {}): ClusterOverSsh {
  const keys = makeClusterKeys()
  const engine = engineInMemory()
  const nodes: NodeOverSsh[] = []
  const start = async (id: string): Promise<NodeOverSsh> => {
    const record = {
      node: id,
      address: '',
      state: 'up' as const,
      version: '0',
      configHash: '',
      hostKeyFingerprint: '',
    }
    const life = await engine.join(record)
    const identity = await keys.identity(id)
    const made: { fleet?: LocalFleet; cluster?: ClusterNode } = {}
    const cluster = (): ClusterNode => {
      if (made.cluster === undefined) throw new Error('it is made in a moment')
      return made.cluster
    }
    const fleet = (): LocalFleet => {
      if (made.fleet === undefined) throw new Error('it is made in a moment')
      return made.fleet
    }
    const listener: PeerListener = {
      connected: (peer) => cluster().connected(peer),
      disconnected: (peer) => cluster().disconnected(peer),
      told: (peer, message) => cluster().told(peer, message),
      hello: () => cluster().hello(),
      asked: (...asked) => cluster().asked(...asked),
    }
    const log = createLog({ level: 'error', format: 'json' }, { write: () => undefined })
    const peers = createSshPeers({ self: life, identity: () => identity, listener, log })
    peers.server.listen(0, '127.0.0.1')
    await once(peers.server, 'listening')
    record.address = `127.0.0.1:${(peers.server.address() as AddressInfo).port}`
    made.cluster = createClusterNode({
      life,
      time: OF_ALL,
      engine,
      peers,
      here: {
        handOver: (...given) => fleet().handOver(...given),
        openSession: (...given) => fleet().openSession(...given),
        letLinksGo: (...given) => fleet().letLinksGo(...given),
      },
      record: () => record,
      clock: SYSTEM_CLOCK,
      limits: { heartbeat: 200, lease: LEASE, verify: 60_000 },
    })
    made.fleet = createLocalFleet({
      devices: [router('router1'), router('router2')],
      limits: { ...usual, ...changed },
      elsewhere: made.cluster.elsewhere,
    })
    const node: NodeOverSsh = {
      fleet: made.fleet,
      cluster: made.cluster,
      peers,
      kill: () => {
        peers.close()
        cluster().close()
        fleet().close()
      },
    }
    nodes.push(node)
    return node
  }
  return {
    keys,
    engine,
    start,
    stop: () => {
      for (const node of nodes) node.kill()
      keys.stop()
    },
  }
}

/** Settles once each of these has heard of each other one, and reaches it. */
export async function allReached(nodes: readonly NodeOverSsh[]): Promise<void> {
  await eventually(() => {
    for (const { cluster, peers } of nodes) {
      if (peers.counts().reached < nodes.length - 1) throw new Error('not yet')
      for (const other of nodes)
        if (other.cluster !== cluster && peers.reached(other.cluster.life.node) === undefined)
          throw new Error('not yet')
    }
  })
}
