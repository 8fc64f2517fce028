import { describe, expect, it } from 'vitest'
import { createClusterNode } from '../../src/cluster/cluster-node.js'
import { EngineFailure } from '../../src/cluster/engine.js'
import { type Mutation, mutantOf } from './support/mutant.js'
import { describeTrace, runTraces } from './support/traces.js'

const LOGIC = { createClusterNode, EngineFailure }

/** Each breaks one thing that the specification leans on, and the traces among which one has to show it. */
const MUTATIONS: Readonly<Record<string, readonly [number, readonly Mutation[]]>> = {
  'links are ordered by epoch instead of by when they were proven': [
    100,
    [
      {
        file: 'cluster-node.ts',
        from: 'claims.heard(deviceId, { node: peer.node, provenAt }, source)',
        to: 'claims.heard(deviceId, { node: peer.node, provenAt: device.epoch }, source)',
      },
      {
        file: 'claims.ts',
        from: '{ node: life.node, provenAt: holding.provenAt }',
        to: '{ node: life.node, provenAt: holding.epoch }',
      },
      {
        file: 'claims.ts',
        from: 'heard(deviceId, { node: holder.node, provenAt })',
        to: 'heard(deviceId, { node: holder.node, provenAt: epoch })',
      },
    ],
  ],
  'verify passes over rows that name the node, of devices that it has not': [
    400,
    [
      {
        file: 'claims.ts',
        from: 'if (isMine) release(deviceId, epoch, releases.get(deviceId)?.ended ?? unseenEnd())',
        to: '',
      },
    ],
  ],
  'nothing is verified': [100, [{ file: 'claims.ts', from: 'if (verifyWanted) return verifyAll', to: '' }]],
  'the cache of where devices are orders by epoch': [
    600,
    [
      {
        file: 'directory.ts',
        from: 'if (row.provenAt !== before.provenAt) return row.provenAt > before.provenAt',
        to: 'if (row.epoch !== before.epoch) return row.epoch > before.epoch',
      },
    ],
  ],
  'a request is served that was addressed with another epoch': [
    100,
    [
      {
        file: 'cluster-node.ts',
        from: 'held !== undefined && isMine && owner.epoch === held.epoch',
        to: 'held !== undefined && isMine',
      },
    ],
  ],
}

describe('the model of the cluster', () => {
  it('holds the invariants in 2,000 traces of dials, losses, pauses, kills, cuts and an engine that goes', async () => {
    const failing = await runTraces(0, 2_000, LOGIC)
    expect(failing.map(describeTrace).join('\n')).toBe('')
  }, 240_000)

  it.each(Object.entries(MUTATIONS))(
    'finds out when %s',
    async (_what, [traces, mutations]) => {
      const failing = await runTraces(0, traces, await mutantOf(mutations), { untilOne: true })
      expect(failing).toHaveLength(1)
    },
    240_000,
  )

  it('runs one seed the same way each time, so that what failed can be looked at', async () => {
    const mutant = await mutantOf(MUTATIONS['nothing is verified']?.[1] ?? [])
    const [first] = await runTraces(0, 100, mutant, { untilOne: true })
    const [again] = await runTraces(first?.seed ?? -1, 1, mutant)
    expect(again).toEqual(first)
    expect(first?.steps.length).toBeLessThan(30)
  }, 240_000)
})
