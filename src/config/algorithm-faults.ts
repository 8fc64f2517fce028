import { BUILT_IN_SETS, knownAlgorithms } from '../ssh/algorithm-catalogue.js'
import {
  type AlgorithmFault,
  type NamedAlgorithmSets,
  resolveAlgorithms,
  type WrittenAlgorithms,
} from '../ssh/algorithm-sets.js'
import {
  ALGORITHM_KEYS,
  ALGORITHM_KINDS,
  type AlgorithmKind,
  type AlgorithmLists,
  keyExchangesOf,
  type Role,
} from '../ssh/algorithms.js'
import type { ConfigError } from './config-error.js'
import { shown, unknownName } from './name-faults.js'
import type { LocatedTree } from './yaml/located-tree.js'
import { fieldOf, isWritten, listAt, mappingAt, textAt } from './yaml/raw-shape.js'
import type { ValuePath } from './yaml/value-path.js'

/** What the algorithms of a list are for. */
const WHAT: Readonly<Record<AlgorithmKind, string>> = {
  kexAlgorithms: 'key exchange',
  hostKeyAlgorithms: 'host key',
  pubkeyAcceptedAlgorithms: 'public key of a login',
  ciphers: 'cipher',
  macs: 'MAC',
  compression: 'compression',
}

/** Algorithms somewhere in the file. */
interface Place {
  readonly path: ValuePath
  readonly value: unknown
}

/** Names of algorithms and sets that nobody has, and lists in which nothing is left. */
export function algorithmFaults(tree: LocatedTree): readonly ConfigError[] {
  const own = mappingAt(tree.value, 'algorithm-sets')
  const sets = new Map(Object.entries(own).map(([name, value]) => [name, writtenAt(value)]))
  const callHome = mappingAt(mappingAt(tree.value, 'call-home'), 'ssh')
  const bySource = listAt(callHome, 'algorithms')
  const pathBySource = ['call-home', 'ssh', 'algorithms']
  const places: readonly Place[] = [
    ...listAt(tree.value, 'devices').map((item, at) => ({
      path: ['devices', at, 'algorithms'],
      value: fieldOf(item, 'algorithms'),
    })),
    ...bySource.map((value, at) => ({ path: [...pathBySource, at], value })),
  ]
  return [
    ...Object.entries(own).flatMap(([name, value]) => faultsOfSet(tree, name, value)),
    ...places.flatMap((place) => faultsOfRole(tree, { ...place, role: 'client' }, sets)),
    ...legacyFaults(tree, sets),
    ...bySource.flatMap((value, at): readonly ConfigError[] =>
      isWritten(value, 'from')
        ? []
        : [
            {
              path: [...pathBySource, at, 'from'],
              message: 'is missing or empty',
              hint: 'list the networks, such as `from: [10.1.0.0/16]`',
            },
          ],
    ),
  ]
}

/** The listener for old clients: who may use it has to be said, and something has to be left that clients can use. */
function legacyFaults(tree: LocatedTree, sets: NamedAlgorithmSets): readonly ConfigError[] {
  const ssh = mappingAt(mappingAt(tree.value, 'endpoint'), 'ssh')
  if (!isWritten(ssh, 'legacy')) return []
  const path = ['endpoint', 'ssh', 'legacy']
  const legacy = mappingAt(ssh, 'legacy')
  const value = fieldOf(legacy, 'algorithms') ?? 'legacy'
  return [
    ...faultsOfRole(tree, { path: [...path, 'algorithms'], value, role: 'server' }, sets),
    ...(isWritten(legacy, 'users')
      ? unknownUsers(tree, legacy, path)
      : [
          {
            path: [...path, 'users'],
            message: 'is missing or empty',
            hint: 'name the users whose clients cannot do better, such as `users: [old-nms]`',
          },
        ]),
  ]
}

/** Users that the file would have to have, where nothing else can bring any. */
function unknownUsers(tree: LocatedTree, legacy: unknown, path: ValuePath): readonly ConfigError[] {
  if (isWritten(tree.value, 'users-file') || isWritten(tree.value, 'authentication-hook')) return []
  const known = listAt(tree.value, 'users').flatMap((user) => textAt(user, 'name') ?? [])
  return listAt(legacy, 'users').flatMap((name, at): readonly ConfigError[] =>
    typeof name !== 'string' || name === '' || known.includes(name)
      ? []
      : [unknownName(tree, { path: [...path, 'users', at], what: 'user', name, known })],
  )
}

function faultsOfSet(tree: LocatedTree, name: string, value: unknown): readonly ConfigError[] {
  const path = ['algorithm-sets', name]
  if (BUILT_IN_SETS.some((builtIn) => builtIn === name))
    return [{ path, message: `the set \`${name}\` is there already`, hint: 'give this one another name' }]
  return faultsAt(tree, { path, value }, new Map())
}

/** What is wrong with the algorithms of a side of the bridge, which cannot take part in each key exchange. */
function faultsOfRole(
  tree: LocatedTree,
  { path, value, role }: Place & { readonly role: Role },
  sets: NamedAlgorithmSets,
): readonly ConfigError[] {
  const faults = faultsAt(tree, { path, value }, sets)
  const { lists } = resolveAlgorithms(writtenAt(value), sets)
  if (faults.length > 0 || keyExchangesOf(role, lists.kexAlgorithms).length > 0) return faults
  return [{ path: pathOf(path, value, 'kexAlgorithms'), ...NOT_OF_THIS_SIDE[role] }]
}

const NOT_OF_THIS_SIDE: Readonly<Record<Role, { readonly message: string; readonly hint: string }>> = {
  server: {
    message: 'leaves no key exchange algorithm: group exchange is for devices only',
    hint: 'add diffie-hellman-group14-sha1, which every client has that knows group exchange',
  },
  client: {
    message: 'leaves no key exchange algorithm: sntrup761x25519-sha512 is for clients only',
    hint: 'add curve25519-sha256, which every device has that knows sntrup761x25519-sha512',
  },
}

function faultsAt(tree: LocatedTree, { path, value }: Place, sets: NamedAlgorithmSets): readonly ConfigError[] {
  const { faults } = resolveAlgorithms(writtenAt(value), sets)
  const known = [...BUILT_IN_SETS, ...sets.keys()]
  return faults.map((fault) => describe(tree, { fault, path: pathOf(path, value, fault.key), known }))
}

/** A set that stands alone has no key of its own. */
function pathOf(path: ValuePath, value: unknown, key: 'set' | AlgorithmKind): ValuePath {
  if (key !== 'set') return [...path, ALGORITHM_KEYS[key]]
  return typeof value === 'string' ? path : [...path, 'set']
}

function describe(
  tree: LocatedTree,
  {
    fault,
    path,
    known,
  }: { readonly fault: AlgorithmFault; readonly path: ValuePath; readonly known: readonly string[] },
): ConfigError {
  if (fault.what === 'unknown-set')
    return unknownName(tree, { path, what: 'set of algorithms', name: fault.set, known })
  if (fault.what === 'nothing-left') return nothingLeft(path, fault.key)
  const { name, near, why } = fault.unknown
  const what = WHAT[fault.key]
  if (name === '') return { path, message: 'an empty name in the list', hint: 'separate names by single commas' }
  if (why !== undefined) return { path, message: `never used as ${what}${shown(tree, path, name)}: ${why}` }
  const message = `unknown ${what} algorithm${shown(tree, path, name)}`
  if (near !== undefined) return { path, message: `${message}; did you mean \`${near}\`?` }
  return { path, message, hint: `known are ${knownAlgorithms(fault.key).join(', ')}` }
}

/** A list in which nothing is left. */
export function nothingLeft(path: ValuePath, kind: keyof AlgorithmLists): ConfigError {
  return {
    path,
    message: `leaves no ${WHAT[kind]} algorithm`,
    hint: 'name one; `+` or `^` before the names keeps those that were there',
  }
}

/** What stands there, as far as it is text. */
export function writtenAt(value: unknown): WrittenAlgorithms {
  if (typeof value === 'string') return { set: value }
  const keys = [['set', 'set'], ...ALGORITHM_KINDS.map((kind) => [kind, ALGORITHM_KEYS[kind]] as const)] as const
  const texts = keys.flatMap(([name, key]) => {
    const text = textAt(value, key)
    return text === undefined || text === '' ? [] : [[name, text] as const]
  })
  return Object.fromEntries(texts)
}
