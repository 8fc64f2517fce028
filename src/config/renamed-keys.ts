import type { ConfigError } from './config-error.js'
import type { LocatedTree } from './yaml/located-tree.js'
import { fieldOf, isMapping } from './yaml/raw-shape.js'
import { formatPath, type ValuePath } from './yaml/value-path.js'

/** A key that has another name than before, both as the documentation writes them: `endpoint.http.max-calls`. */
export interface RenamedKey {
  readonly old: string
  readonly now: string
}

/**
 * Keys that a configuration may still have under their old name: for the release that renamed them, and with a warning.
 * The loader, `homeport check-config` and the test of docs/configuration.md all read this list.
 */
export const RENAMED_KEYS: readonly RenamedKey[] = [{ old: 'record', now: 'audit' }]

/** A file's values under today's keys. */
export interface RenamedTree {
  /** As the schema wants it; its places, and the keys that problems name, are still those of the file. */
  readonly tree: LocatedTree
  /** One for each old key; the paths are those of the file. */
  readonly warnings: readonly ConfigError[]
  /** Keys that are there under both names. */
  readonly faults: readonly ConfigError[]
}

/**
 * Gives what stands at an old key to the new one. Where both are written, it is a fault and the new one is judged
 * alone.
 */
export function renameKeys(written: LocatedTree, renamed: readonly RenamedKey[] = RENAMED_KEYS): RenamedTree {
  let { value } = written
  const moved: { readonly from: ValuePath; readonly to: ValuePath }[] = []
  const warnings: ConfigError[] = []
  const faults: ConfigError[] = []
  for (const { old, now } of renamed) {
    const from = old.split('.')
    const to = now.split('.')
    const held = heldAt(value, from)
    if (held === undefined) continue
    value = withValue(value, from, undefined)
    if (heldAt(value, to) === undefined) {
      value = withValue(value, to, held)
      moved.push({ from, to })
      warnings.push(isCalledNow(from, now))
    } else faults.push(isThereTwice(from, now, written.placeOf(to).line))
  }
  const pathInFile = (path: ValuePath): ValuePath => {
    const move = moved.find(({ to }) => to.every((step, at) => path[at] === step))
    return move === undefined ? path : [...move.from, ...path.slice(move.to.length)]
  }
  const tree: LocatedTree = {
    value,
    placeOf: (path) => written.placeOf(pathInFile(path)),
    pathInFile,
    faults: written.faults,
  }
  return { tree, warnings, faults }
}

function isCalledNow(path: ValuePath, now: string): ConfigError {
  return {
    path,
    message: `this key is called \`${now}\` now`,
    hint: `write \`${now}\` instead; \`${formatPath(path)}\` is taken for this release only`,
  }
}

function isThereTwice(path: ValuePath, now: string, line: number): ConfigError {
  return {
    path,
    message: `this key is called \`${now}\` now, and \`${now}\` is on line ${line} already`,
    hint: `move what is in \`${formatPath(path)}\` to \`${now}\`, and remove \`${formatPath(path)}\``,
  }
}

/** What stands at a path of mappings: null where a key has no value, undefined where there is no such key. */
function heldAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce(fieldOf, value)
}

/**
 * A copy with another value at a path of mappings; undefined removes the key. What is no mapping stays, for the schema
 * to refuse.
 */
function withValue(value: unknown, [key, ...rest]: readonly string[], held: unknown): unknown {
  if (key === undefined) return held
  if (!isMapping(value ?? {})) return value
  const copy: Record<string, unknown> = Object.assign(Object.create(null), value)
  const inner = withValue(copy[key], rest, held)
  if (inner === undefined) delete copy[key]
  else copy[key] = inner
  return copy
}
