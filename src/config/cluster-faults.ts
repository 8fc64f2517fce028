import type { ConfigError } from './config-error.js'
import type { LocatedTree } from './yaml/located-tree.js'
import { isWritten, mappingAt, textAt } from './yaml/raw-shape.js'

/** What nodes know each other by; one that listens for others needs all of it. */
const IDENTITY = [
  { key: 'certificate', hint: 'the file that `homeport ca sign-node` writes' },
  { key: 'key', hint: 'the private key that the certificate was made for' },
  { key: 'ca', hint: 'the file with the public key of the CA, from `homeport ca init --cluster`' },
] as const

/** Means nothing without `listen`. */
const ONLY_WITH_LISTEN = ['advertise', ...IDENTITY.map(({ key }) => key)] as const

const EVERY_ADDRESS = /^(?:\[::\]|::|0\.0\.0\.0)(?::\d+)?$/
/** As certificates name nodes. */
const NODE_ID = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/

/** Keys of `cluster` that need each other. */
export function clusterFaults(tree: LocatedTree): readonly ConfigError[] {
  const cluster = mappingAt(tree.value, 'cluster')
  const at = (key: string, message: string, hint: string): ConfigError => ({ path: ['cluster', key], message, hint })
  const listen = textAt(cluster, 'listen')
  if (!isWritten(cluster, 'listen'))
    return ONLY_WITH_LISTEN.filter((key) => isWritten(cluster, key)).map((key) =>
      at(key, 'means nothing without `listen`', 'add `listen`, where other nodes dial this one, or remove it'),
    )
  const node = textAt(cluster, 'node')
  return [
    ...IDENTITY.filter(({ key }) => !isWritten(cluster, key)).map(({ key, hint }) =>
      at(key, 'is missing, and nodes know each other by it', hint),
    ),
    ...(listen !== undefined && EVERY_ADDRESS.test(listen) && !isWritten(cluster, 'advertise')
      ? [
          at(
            'advertise',
            'is missing, and nobody can dial every address of a machine',
            'write the address at which the other nodes reach this one',
          ),
        ]
      : []),
    ...(node !== undefined && node !== '' && !NODE_ID.test(node)
      ? [
          at(
            'node',
            'with `listen` it has 1 to 63 lower-case letters, digits, dots, dashes and underscores',
            'certificates of nodes name it: begin and end it with a letter or a digit',
          ),
        ]
      : []),
  ]
}
