/**
 * ssh2, for all who use it: the only place that loads it. While its ciphers load, `randomFillSync` is one that draws on
 * a pool, because they call it for the padding of each packet (RFC 4253 §6), which took a fifth of the bridge's time
 * for a small RPC.
 */
import { createRequire } from 'node:module'
import type * as Ssh2 from 'ssh2'
import { createRandomPool } from '../../lib/random-pool.js'

const require = createRequire(import.meta.url)

type Fill = (buffer: Uint8Array, offset?: number, size?: number) => Uint8Array

type FatalError = (protocol: { readonly _destruct: unknown }, ...rest: unknown[]) => number

endOnce()

/** Whether ciphers use the compiled addon. */
export const { bindingAvailable } = loadCiphers()

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

function loadCiphers(): { readonly bindingAvailable: boolean } {
  const crypto = require('node:crypto') as { randomFillSync: Fill }
  const { randomFillSync } = crypto
  const pool = createRandomPool((bytes) => randomFillSync(bytes))
  crypto.randomFillSync = (buffer, offset = 0, size = buffer.length - offset) => {
    pool.fill(buffer, offset, size)
    return buffer
  }
  try {
    return require('ssh2/lib/protocol/crypto.js') as { readonly bindingAvailable: boolean }
  } finally {
    crypto.randomFillSync = randomFillSync
  }
}
