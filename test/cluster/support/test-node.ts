import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { requestOf } from '../../../src/cluster/asked-request.js'
import type { NodeIdentity } from '../../../src/cluster/node-identity.js'
import { nodeRefusal } from '../../../src/cluster/node-refusals.js'
import type { PeerLimits } from '../../../src/cluster/peer-limits.js'
import type { HeldDevice, NodeLife, PeerMessage, SessionAsk } from '../../../src/cluster/peer-messages.js'
import type { PeerListener, PeerNode } from '../../../src/cluster/peers.js'
import { createSshPeers, type SshPeers } from '../../../src/cluster/ssh-peers.js'
import type { Device } from '../../../src/fleet/device.js'
import type { LocalFleet } from '../../../src/fleet/local-fleet.js'
import { createLog } from '../../../src/telemetry/log.js'
import { makeFleet, router } from '../../fleet/support/test-fleet.js'

/** A node with a real fleet and a real listener; whatever decides about devices is the test. */
export interface TestNode {
  readonly life: NodeLife
  readonly fleet: LocalFleet
  readonly peers: SshPeers
  /** As others have it in their list. */
  readonly listed: PeerNode
  readonly port: number
  /** What it was told, as `node type …`. */
  readonly told: (readonly [NodeLife, PeerMessage])[]
  /** `+a` for a peer that connected, `-a` for one that is gone. */
  readonly seen: string[]
  readonly asks: SessionAsk[]
  readonly logged: string[]
  /** What it says that it holds. */
  links: readonly HeldDevice[]
  identity: NodeIdentity
  readonly stop: () => void
}

export interface TestNodeOptions {
  readonly identity: NodeIdentity
  readonly incarnation?: number
  readonly devices?: readonly Device[]
  readonly limits?: Partial<PeerLimits>
  readonly asked?: PeerListener['asked']
  readonly port?: number
}

export async function startNode(options: TestNodeOptions): Promise<TestNode> {
  const { identity, incarnation = 1, limits = {} } = options
  const life = { node: identity.node, incarnation }
  const logged: string[] = []
  const log = createLog({ level: 'debug', format: 'json' }, { write: (line) => logged.push(line) })
  const { fleet } = makeFleet(options.devices ?? [router('router1')])
  const asks: SessionAsk[] = []
  const asked: PeerListener['asked'] = async (peer, ask, signal) => {
    asks.push(ask)
    if (options.asked !== undefined) return options.asked(peer, ask, signal)
    const { owner, deviceId } = ask
    if (owner.node !== life.node || owner.incarnation !== life.incarnation || owner.epoch !== 1)
      return { ok: false, no: nodeRefusal('not-here', life.node, deviceId) }
    const opening = await fleet.openSession(
      { deviceId, request: requestOf(ask.request), client: { ...ask.client, node: peer.node } },
      signal,
    )
    return opening.ok ? opening : { ok: false, no: { ...opening.refusal, retry: false } }
  }
  const node: { links: readonly HeldDevice[]; identity: NodeIdentity } = { links: [], identity }
  const told: TestNode['told'] = []
  const seen: string[] = []
  const peers = createSshPeers({
    self: life,
    identity: () => node.identity,
    log,
    limits,
    listener: {
      connected: (peer) => void seen.push(`+${peer.node}`),
      disconnected: (peer) => void seen.push(`-${peer.node}`),
      told: (peer, message) => void told.push([peer, message]),
      hello: () => [{ ...life, type: 'hello', part: 0, last: true, version: 'test', state: 'up', links: node.links }],
      asked,
    },
  })
  peers.server.listen(options.port ?? 0, '127.0.0.1')
  await once(peers.server, 'listening')
  const { port } = peers.server.address() as AddressInfo
  return Object.assign(node, {
    life,
    fleet,
    peers,
    port,
    listed: { ...life, address: `127.0.0.1:${port}` },
    told,
    seen,
    asks,
    logged,
    stop: () => {
      peers.close()
      fleet.close()
    },
  })
}

/** Lines of a node's log, as far as a test asks for them. */
export function loggedLines(node: Pick<TestNode, 'logged'>): readonly Record<string, unknown>[] {
  return node.logged.map((line) => JSON.parse(line) as Record<string, unknown>)
}
