import { strangerText } from '../lib/stranger-text.js'
import { knownAlgorithms, LEGACY_ALGORITHMS } from './algorithm-catalogue.js'
import { ALGORITHM_KEYS, type AlgorithmKind } from './algorithms.js'

/** The two lists of a negotiation that have no algorithm in common. */
export interface NothingInCommon {
  readonly kind: AlgorithmKind
  readonly ours: readonly string[]
  readonly theirs: readonly string[]
}

const WHAT: Readonly<Record<AlgorithmKind, string>> = {
  kexAlgorithms: 'key exchange',
  hostKeyAlgorithms: 'host key algorithm',
  pubkeyAcceptedAlgorithms: 'public key algorithm',
  ciphers: 'cipher',
  macs: 'MAC',
  compression: 'compression',
}

/** Characters of the other side's list that are told. */
const LONGEST_LIST = 400

/** @param them who the other side is, such as `the device` */
export function nothingInCommonInWords({ kind, ours, theirs }: NothingInCommon, them: string): string {
  const offered = theirs.length === 0 ? 'nothing' : strangerText(theirs.join(', '), LONGEST_LIST)
  return `no ${WHAT[kind]} in common: ${them} offers ${offered}; the bridge takes ${ours.join(', ')}`
}

/**
 * What of `algorithms` in a configuration would make these lists have something in common, such as `legacy` or
 * `{ set: legacy, ciphers: +3des-cbc }`; undefined where nothing would.
 */
export function algorithmsThatHelp({ kind, theirs }: NothingInCommon): string | undefined {
  if (theirs.some((name) => LEGACY_ALGORITHMS[kind].includes(name))) return 'legacy'
  const known = knownAlgorithms(kind)
  const name = theirs.find((each) => known.includes(each))
  return name === undefined ? undefined : `{ set: legacy, ${ALGORITHM_KEYS[kind]}: +${name} }`
}
