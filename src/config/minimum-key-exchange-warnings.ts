import { resolveAlgorithms } from '../ssh/algorithm-sets.js'
import { keyExchangesOf } from '../ssh/algorithms.js'
import { isPostQuantum } from '../ssh/post-quantum.js'
import type { ConfigError } from './config-error.js'
import type { Config } from './schema.js'

/** The listener for old clients beside a minimum that holds there, too, and that hardly any old client reaches. */
export function minimumKeyExchangeWarnings({ endpoint, algorithmSets }: Config): readonly ConfigError[] {
  const { legacy, minimumKeyExchange } = endpoint.ssh
  if (legacy === undefined || minimumKeyExchange !== 'post-quantum') return []
  const { kexAlgorithms } = resolveAlgorithms(legacy.algorithms, algorithmSets).lists
  const reached = keyExchangesOf('server', kexAlgorithms).some(isPostQuantum)
  return [
    reached
      ? {
          path: ['endpoint', 'ssh', 'legacy'],
          message: 'old clients are refused there, too: `minimum-key-exchange: post-quantum` holds on every port',
          hint: 'take `minimum-key-exchange` away for as long as there are such clients, or `legacy`',
        }
      : {
          path: ['endpoint', 'ssh', 'legacy', 'algorithms'],
          message: 'nobody can log in there: no key exchange is left that `minimum-key-exchange: post-quantum` allows',
          hint: 'leave mlkem768x25519-sha256 in the list, or take `minimum-key-exchange` away',
        },
  ]
}
