#!/usr/bin/env node
/*
 * All that is read by a Node which is too old for the rest: it has to say so, and not that some word is unknown to it.
 */
import packageJson from '../package.json' with { type: 'json' }
import { whyNodeIsTooOld } from './lib/supported-node.mjs'

const fault = whyNodeIsTooOld(packageJson.engines.node, process)
if (fault === undefined) {
  // What nobody has caught ends the process, whatever else is open.
  import('./cli/run.js').catch((error: unknown) =>
    process.nextTick(() => {
      throw error
    }),
  )
} else {
  process.exitCode = 2
  process.stderr.write(fault)
}
