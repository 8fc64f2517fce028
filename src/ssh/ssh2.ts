/** ssh2, for all who use it: the only place that loads it and files of its own. */
import { createRequire } from 'node:module'
import type * as Ssh2 from 'ssh2'

const require = createRequire(import.meta.url)

/** A file of ssh2's own, which its insides are reached by. */
export const requireSsh2 = (file: `ssh2/${string}`): unknown => require(file)

export const ssh2 = require('ssh2') as typeof Ssh2

/** Whether ciphers use the compiled addon. */
export const { bindingAvailable } = requireSsh2('ssh2/lib/protocol/crypto.js') as { readonly bindingAvailable: boolean }
