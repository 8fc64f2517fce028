/*
 * Run before what npm's scripts begin: ends it where Node is too old, before it fails half-way for some other reason.
 */
import { readFileSync } from 'fs'
import { whyNodeIsTooOld } from '../src/lib/supported-node.mjs'

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const fault = whyNodeIsTooOld(engines.node, process)
if (fault !== undefined) {
  process.stderr.write(fault)
  process.exit(2)
}
