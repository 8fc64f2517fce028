import { describe, expect, it } from 'vitest'
import { createClusterNode } from '../../src/cluster/cluster-node.js'
import { EngineFailure } from '../../src/cluster/engine.js'
import { describeTrace, runTraces } from './support/traces.js'

const TRACES = 100_000
const PARTS = 10

/**
 * The same in each run, so that what fails is what was changed; `MODEL_SEED=N` tries others. Each trace that fails is
 * printed with its seed.
 */
const FIRST = Number(process.env['MODEL_SEED'] ?? 2_078_600_000)

describe('the model of the cluster, at length', () => {
  it.each(Array.from({ length: PARTS }, (_, part) => FIRST + (part * TRACES) / PARTS))(
    'holds the invariants in 10,000 traces from seed %i on',
    async (from) => {
      // Of the thousands of failures of an engine that is away by design, nobody reads where they were made.
      const { stackTraceLimit } = Error
      Error.stackTraceLimit = 0
      const failing = await runTraces(from, TRACES / PARTS, { createClusterNode, EngineFailure })
      Error.stackTraceLimit = stackTraceLimit
      expect(failing.map(describeTrace).join('\n')).toBe('')
    },
  )
})
