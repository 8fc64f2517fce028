import { namesWritten } from '../ssh/algorithm-list.js'
import type { WrittenAlgorithms } from '../ssh/algorithm-sets.js'
import { keyExchangesOf, type Role } from '../ssh/algorithms.js'
import type { ConfigError } from './config-error.js'
import type { Config } from './schema.js'
import type { ValuePath } from './yaml/value-path.js'

/** Key exchanges that somebody has named for a side of the bridge that takes no part in them. */
export function keyExchangesInVain({ devices, callHome, endpoint }: Config): readonly ConfigError[] {
  const { legacy } = endpoint.ssh
  return [
    ...devices.flatMap(({ algorithms }, at) =>
      algorithms === undefined ? [] : inVain('client', algorithms, ['devices', at, 'algorithms']),
    ),
    ...callHome.ssh.algorithms.flatMap((written, at) =>
      inVain('client', written, ['call-home', 'ssh', 'algorithms', at]),
    ),
    ...(legacy === undefined ? [] : inVain('server', legacy.algorithms, ['endpoint', 'ssh', 'legacy', 'algorithms'])),
  ]
}

/** Towards devices the bridge is the client, towards clients the server (RFC 4253 §7.1). */
function inVain(role: Role, { kexAlgorithms = '' }: WrittenAlgorithms, path: ValuePath): readonly ConfigError[] {
  const named = namesWritten(kexAlgorithms)
  const taken = keyExchangesOf(role, named)
  const left = named.filter((name) => !taken.includes(name))
  if (left.length === 0) return []
  const names = left.map((name) => `\`${name}\``).join(', ')
  const message =
    role === 'server'
      ? `${names}: not offered to clients, however it stands here: group exchange is for devices only`
      : `${names}: not offered to devices, however it stands here: it is for clients only`
  return [{ path: [...path, 'kex-algorithms'], message, hint: HINTS[role] }]
}

const HINTS: Readonly<Record<Role, string>> = {
  server: 'take it out; clients that know group exchange know diffie-hellman-group14-sha1, too',
  client: 'take it out; devices that know sntrup761x25519-sha512 know curve25519-sha256, too',
}
