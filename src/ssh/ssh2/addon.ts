import { readFileSync } from 'node:fs'
import { wouldAbort } from './fatal-addon.mjs'

/** The newest Node whose V8 the addon of this version of ssh2 is compiled for. */
const NEWEST_NODE = 24

/** Why ciphers run in JavaScript, and what to do about it. */
export interface AddonFault {
  readonly cause: string
  readonly hint: string
}

/** The file of the addon; undefined where there is none. */
export function readAddon(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}

/**
 * Why the addon is not used by this Node, which does not use it.
 *
 * @param compiled the file, if there is one
 */
export function addonFault(compiled: Buffer | undefined, node: string): AddonFault {
  if (Number.parseInt(node, 10) > NEWEST_NODE)
    return {
      cause: `it does not compile for Node ${node}`,
      hint: `run the bridge with Node ${NEWEST_NODE}; no compiler helps`,
    }
  if (compiled === undefined)
    return { cause: 'it was not compiled', hint: 'install g++, make and python3, then run `npm rebuild ssh2`' }
  if (wouldAbort(compiled, node))
    return {
      cause: `compiled as it is, it ends Node ${node} some time after a connection`,
      hint: 'install Node 24.22 or later, or run `npm run build`, which compiles it without the fault',
    }
  return { cause: `it was compiled for another Node than ${node}`, hint: 'run `npm rebuild ssh2`' }
}
