import {
  ALGORITHM_KINDS,
  type AlgorithmKind,
  type AlgorithmLists,
  CIPHERS,
  MACS,
  USUAL_KEY_EXCHANGES,
} from './algorithms.js'
import { CERTIFICATE_ALGORITHMS } from './certificate-algorithms.js'
import { HOST_KEYS } from './host-key-algorithms.js'

/** An algorithm that the bridge has. */
interface KnownAlgorithm {
  readonly name: string
  /** What is weak about it; absent where nothing is. */
  readonly weak?: string
  /** The least set that has it; `none` for what is broken, and has to be named. */
  readonly since: 'default' | 'legacy' | 'none'
}

const usual = (names: readonly string[]): readonly KnownAlgorithm[] =>
  names.map((name) => ({ name, since: 'default' as const }))
const legacy = (name: string, weak: string): KnownAlgorithm => ({ name, weak, since: 'legacy' })
const named = (name: string, weak: string): KnownAlgorithm => ({ name, weak, since: 'none' })

const OF_KEYS: readonly KnownAlgorithm[] = [
  ...usual([...CERTIFICATE_ALGORITHMS.map(({ name }) => name), ...HOST_KEYS]),
  legacy('ssh-rsa', 'signs with SHA-1'),
]

/**
 * All algorithms that may be named, best first. Not each side of the bridge can take part in each key exchange
 * (`keyExchangesOf`).
 */
const CATALOGUE: Readonly<Record<AlgorithmKind, readonly KnownAlgorithm[]>> = {
  kexAlgorithms: [
    ...usual(USUAL_KEY_EXCHANGES),
    { name: 'diffie-hellman-group-exchange-sha256', since: 'legacy' },
    legacy('diffie-hellman-group14-sha1', 'SHA-1'),
    legacy('diffie-hellman-group-exchange-sha1', 'SHA-1'),
    named('diffie-hellman-group1-sha1', 'a group of 1024 bits, and SHA-1'),
  ],
  hostKeyAlgorithms: OF_KEYS,
  pubkeyAcceptedAlgorithms: OF_KEYS,
  ciphers: [
    ...usual(CIPHERS),
    legacy('aes256-cbc', 'CBC'),
    legacy('aes192-cbc', 'CBC'),
    legacy('aes128-cbc', 'CBC'),
    named('3des-cbc', 'blocks of 64 bits, and CBC'),
  ],
  macs: [
    ...usual(MACS),
    legacy('hmac-sha1-etm@openssh.com', 'SHA-1'),
    legacy('hmac-sha1', 'SHA-1'),
    named('hmac-sha1-96', '96 bits of SHA-1'),
    named('hmac-md5', 'MD5'),
    named('hmac-md5-96', '96 bits of MD5'),
  ],
  compression: usual(['none']),
}

/** The names of the sets that are there without being configured. */
export const BUILT_IN_SETS = ['default', 'legacy'] as const

/** The names that a list of a kind may have. */
export function knownAlgorithms(kind: AlgorithmKind): readonly string[] {
  return CATALOGUE[kind].map(({ name }) => name)
}

function listsOf(includes: (algorithm: KnownAlgorithm) => boolean): AlgorithmLists {
  const names = ALGORITHM_KINDS.map((kind) => [
    kind,
    CATALOGUE[kind].filter(includes).map(({ name }) => name),
  ]) satisfies readonly (readonly [AlgorithmKind, readonly string[]])[]
  return Object.fromEntries(names) as unknown as AlgorithmLists
}

/** What both sides of the bridge use where nothing else is configured. */
export const DEFAULT_ALGORITHMS = listsOf(({ since }) => since === 'default')

/** The same, and behind it what rests on SHA-1 or CBC; nothing that is broken. */
export const LEGACY_ALGORITHMS = listsOf(({ since }) => since !== 'none')

/** What is weak about an algorithm; undefined where nothing is. */
export function weaknessOf(kind: AlgorithmKind, name: string): string | undefined {
  return CATALOGUE[kind].find((algorithm) => algorithm.name === name)?.weak
}

/** The weak ones among algorithms, each once. */
export function weakAmong(lists: Partial<AlgorithmLists>): readonly string[] {
  const weak = ALGORITHM_KINDS.flatMap((kind) =>
    (lists[kind] ?? []).filter((name) => weaknessOf(kind, name) !== undefined),
  )
  return [...new Set(weak)]
}
