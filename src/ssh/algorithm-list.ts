import { matchesGlobInCase } from '../lib/glob.js'
import { nearestName } from '../lib/nearest-name.js'
import { knownAlgorithms } from './algorithm-catalogue.js'
import type { AlgorithmKind } from './algorithms.js'

/** A name in a list that the bridge does not have. */
export interface UnknownAlgorithm {
  readonly name: string
  readonly near?: string
  /** Why it is not had at all, where there is a reason. */
  readonly why?: string
}

export type ReadAlgorithmList =
  | { readonly ok: true; readonly names: readonly string[] }
  | { readonly ok: false; readonly unknown: readonly UnknownAlgorithm[] }

/** What others have, and the bridge never. */
const NEVER: readonly { readonly names: readonly string[]; readonly why: string }[] = [
  { names: ['none'], why: 'it protects nothing' },
  { names: ['zlib', 'zlib@openssh.com'], why: 'a few octets could become as many as fill the memory' },
  { names: ['ssh-dss', 'ssh-dss-cert-v01@openssh.com'], why: 'DSA keys have 1024 bits' },
  { names: ['arcfour', 'arcfour128', 'arcfour256'], why: 'RC4 is broken (RFC 8758)' },
  { names: ['ssh-rsa-cert-v01@openssh.com'], why: 'it means SHA-1 (RFC 8332)' },
]

/**
 * Changes a list of algorithms as a line of ssh_config(5) does: names separated by commas replace it; after `+` they
 * are appended, after `^` they come first, and after `-` those that fit them, where `*` and `?` are wildcards, are
 * taken out.
 */
export function changeAlgorithms(kind: AlgorithmKind, base: readonly string[], written: string): ReadAlgorithmList {
  const { sign, names } = readChange(written)
  const known = knownAlgorithms(kind)
  const unknown = names.filter((name) => !known.includes(name) && !(sign === '-' && /[*?]/.test(name)))
  if (unknown.length > 0) return { ok: false, unknown: unknown.map((name) => describe(name, known)) }
  if (sign === '-')
    return { ok: true, names: base.filter((name) => !names.some((out) => matchesGlobInCase(out, name))) }
  const others = base.filter((name) => !names.includes(name))
  if (sign === '+') return { ok: true, names: [...base, ...names.filter((name) => !base.includes(name))] }
  return { ok: true, names: sign === '^' ? [...names, ...others] : names }
}

/** The names that a change of a list adds, or the list itself, without those that it takes out. */
export function namesWritten(written: string): readonly string[] {
  const { sign, names } = readChange(written)
  return sign === '-' ? [] : names.filter((name) => name !== '')
}

function readChange(written: string): { readonly sign: string; readonly names: readonly string[] } {
  const [, sign = '', rest = ''] = /^\s*([-+^]?)(.*)$/s.exec(written) ?? []
  return { sign, names: [...new Set(rest.split(',').map((name) => name.trim()))] }
}

function describe(name: string, known: readonly string[]): UnknownAlgorithm {
  const why = NEVER.find(({ names }) => names.includes(name))?.why
  if (why !== undefined) return { name, why }
  const near = name === '' ? undefined : nearestName(name, known)
  return { name, ...(near === undefined ? {} : { near }) }
}
