/**
 * ssh2, for all who use it: the only place that loads it. While its ciphers load, `randomFillSync` is one that draws on
 * a pool, because they call it for the padding of each packet (RFC 4253 §6), which took a fifth of the bridge's time
 * for a small RPC.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type * as Ssh2 from 'ssh2'
import { createRandomPool } from '../../lib/random-pool.js'
import { type AddonFault, addonFault, readAddon } from './addon.js'
import { ADDON, wouldAbort } from './fatal-addon.mjs'
import { type Ciphers, writeWholePackets } from './whole-packets.js'

const require = createRequire(import.meta.url)

type Fill = (buffer: Uint8Array, offset?: number, size?: number) => Uint8Array

type FatalError = (protocol: { readonly _destruct: unknown }, ...rest: unknown[]) => number

endOnce()

const addon = readAddon(join(dirname(require.resolve('ssh2/package.json')), ADDON))

const ciphers = withoutFatalAddon(loadCiphers)
const { bindingAvailable } = ciphers
if (!bindingAvailable) writeWholePackets(ciphers)

/** Why ciphers run in JavaScript, two to three times slower; undefined where they use ssh2's compiled addon. */
export function whyCiphersAreSlow(): AddonFault | undefined {
  return bindingAvailable ? undefined : addonFault(addon, process.versions.node)
}

/** A file of ssh2's own, which its insides are reached by. */
export const requireSsh2 = (file: `ssh2/${string}`): unknown => require(file)

export const ssh2 = require('ssh2') as typeof Ssh2

/**
 * A connection that has failed may be answered late: an operator decides on a device whose next message was malformed,
 * say. ssh2 would then fail it a second time, which throws where nobody catches it. Before anything else of ssh2, whose
 * files keep the function as they load.
 */
function endOnce(): void {
  const utils = require('ssh2/lib/protocol/utils.js') as { doFatalError: FatalError }
  const { doFatalError } = utils
  // ssh2 parses nothing more of what it has at hand after such an answer.
  utils.doFatalError = (protocol, ...rest) =>
    protocol._destruct === undefined ? Number.POSITIVE_INFINITY : doFatalError(protocol, ...rest)
}

/** Loads without the addon where that would end the process: ssh2 does by itself what it cannot load. */
function withoutFatalAddon<T>(load: () => T): T {
  if (addon === undefined || !wouldAbort(addon, process.versions.node)) return load()
  const { extensions } = require
  const usual = extensions['.node']
  extensions['.node'] = (): never => {
    throw new Error('it would end the process')
  }
  try {
    return load()
  } finally {
    extensions['.node'] = usual
  }
}

function loadCiphers(): Ciphers & { readonly bindingAvailable: boolean } {
  const crypto = require('node:crypto') as { randomFillSync: Fill }
  const { randomFillSync } = crypto
  const pool = createRandomPool((bytes) => randomFillSync(bytes))
  crypto.randomFillSync = (buffer, offset = 0, size = buffer.length - offset) => {
    pool.fill(buffer, offset, size)
    return buffer
  }
  try {
    return require('ssh2/lib/protocol/crypto.js') as ReturnType<typeof loadCiphers>
  } finally {
    crypto.randomFillSync = randomFillSync
  }
}
