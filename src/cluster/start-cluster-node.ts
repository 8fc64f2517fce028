import { type ClusterNode, type ClusterNodeOptions, createClusterNode } from './cluster-node.js'
import { createEngineTime } from './engine-time.js'

/**
 * Begins a life of a node: the engine gives its incarnation, and says what time it is, before the node takes its first
 * device. Rejects with an `EngineFailure` where the engine does not answer: a node that knows no time of the engine
 * could not say which of its links are newer than those of others.
 */
export async function startClusterNode(options: Omit<ClusterNodeOptions, 'life' | 'time'>): Promise<ClusterNode> {
  const { engine, clock, record } = options
  const life = await engine.join(record())
  const time = createEngineTime(clock.now)
  const asked = clock.now()
  const { now } = await engine.beat(life, record())
  time.answered({ asked, answered: clock.now(), engineNow: now })
  return createClusterNode({ ...options, life, time })
}
