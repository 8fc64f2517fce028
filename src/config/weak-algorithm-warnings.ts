import { counted } from '../lib/counted.js'
import { weakAmong } from '../ssh/algorithm-catalogue.js'
import { resolveAlgorithms, type WrittenAlgorithms } from '../ssh/algorithm-sets.js'
import { keyExchangesOf, type Role } from '../ssh/algorithms.js'
import type { ConfigError } from './config-error.js'
import type { Config } from './schema.js'
import type { ValuePath } from './yaml/value-path.js'

/** Algorithms that somebody has allowed though they are weak: told once for all devices that have the same. */
export function weakAlgorithms({ devices, callHome, endpoint, algorithmSets }: Config): readonly ConfigError[] {
  const weakOf = (written: WrittenAlgorithms, role: Role = 'client'): string => {
    const { lists } = resolveAlgorithms(written, algorithmSets)
    return weakAmong({ ...lists, kexAlgorithms: keyExchangesOf(role, lists.kexAlgorithms) }).join(', ')
  }
  const groups = new Map<string, number[]>()
  devices.forEach(({ algorithms }, at) => {
    const weak = algorithms === undefined ? '' : weakOf(algorithms)
    if (weak !== '') groups.set(weak, [...(groups.get(weak) ?? []), at])
  })
  return [
    ...[...groups].map(([weak, them]) => {
      const [first = 0] = them
      const whom = them.length === 1 ? 'this device' : `${counted(them.length, 'device')}, of which this is the first,`
      return warning(['devices', first, 'algorithms'], `${whom} may use weak algorithms: ${weak}`)
    }),
    ...callHome.ssh.algorithms.flatMap((written, at): readonly ConfigError[] => {
      const weak = weakOf(written)
      const message = `whoever calls from there without an initiation sequence may use weak algorithms: ${weak}`
      return weak === '' ? [] : [warning(['call-home', 'ssh', 'algorithms', at], message)]
    }),
    ...(endpoint.ssh.legacy === undefined
      ? []
      : [endpoint.ssh.legacy].flatMap(({ users, algorithms }): readonly ConfigError[] => {
          const weak = weakOf(algorithms, 'server')
          const message = `clients of ${users.join(', ')} may use weak algorithms there: ${weak}`
          return weak === '' ? [] : [warning(['endpoint', 'ssh', 'legacy'], message)]
        })),
  ]
}

function warning(path: ValuePath, message: string): ConfigError {
  return { path, message, hint: 'take them away once there is software that knows better ones' }
}
