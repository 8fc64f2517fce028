import { BUILT_IN_SETS, DEFAULT_ALGORITHMS, LEGACY_ALGORITHMS } from './algorithm-catalogue.js'
import { changeAlgorithms, type UnknownAlgorithm } from './algorithm-list.js'
import { ALGORITHM_KINDS, type AlgorithmKind, type AlgorithmLists } from './algorithms.js'

/** Algorithms as they are written: a set to begin with, and how lists of it are changed. */
export interface WrittenAlgorithms extends Partial<Record<AlgorithmKind, string>> {
  readonly set?: string
}

/** What is wrong with algorithms as they are written, and with which of their keys. */
export type AlgorithmFault =
  | { readonly key: 'set'; readonly what: 'unknown-set'; readonly set: string }
  | { readonly key: AlgorithmKind; readonly what: 'unknown-algorithm'; readonly unknown: UnknownAlgorithm }
  | { readonly key: AlgorithmKind; readonly what: 'nothing-left' }

/** Sets by the names that a configuration gives them. They begin with one of the sets that are built in. */
export type NamedAlgorithmSets = ReadonlyMap<string, WrittenAlgorithms>

const BUILT_IN: Readonly<Record<(typeof BUILT_IN_SETS)[number], AlgorithmLists>> = {
  default: DEFAULT_ALGORITHMS,
  legacy: LEGACY_ALGORITHMS,
}

const NO_SETS: NamedAlgorithmSets = new Map()

/**
 * The lists that written algorithms stand for, and what is wrong with them: an unknown name is passed over, and a list
 * in which nothing is left stays empty.
 */
export function resolveAlgorithms(
  written: WrittenAlgorithms,
  sets: NamedAlgorithmSets = NO_SETS,
): { readonly lists: AlgorithmLists; readonly faults: readonly AlgorithmFault[] } {
  const { set = 'default' } = written
  const begin = beginWith(set, sets)
  const faults: AlgorithmFault[] = begin === undefined ? [{ key: 'set', what: 'unknown-set', set }] : []
  const lists: Record<AlgorithmKind, readonly string[]> = { ...(begin ?? DEFAULT_ALGORITHMS) }
  for (const key of ALGORITHM_KINDS) {
    const text = written[key]
    if (text === undefined) continue
    const read = changeAlgorithms(key, lists[key], text)
    if (!read.ok) {
      for (const unknown of read.unknown) faults.push({ key, what: 'unknown-algorithm', unknown })
      continue
    }
    lists[key] = read.names
    if (read.names.length === 0) faults.push({ key, what: 'nothing-left' })
  }
  return { lists, faults }
}

function beginWith(set: string, sets: NamedAlgorithmSets): AlgorithmLists | undefined {
  const builtIn = BUILT_IN_SETS.find((name) => name === set)
  if (builtIn !== undefined) return BUILT_IN[builtIn]
  const own = sets.get(set)
  return own === undefined ? undefined : resolveAlgorithms(own).lists
}
