import type { ConfigError } from './config-error.js'
import type { LocatedTree } from './yaml/located-tree.js'
import { nearestName } from '../lib/nearest-name.js'
import { strangerText } from '../lib/stranger-text.js'
import { listAt, textAt } from './yaml/raw-shape.js'
import type { ValuePath } from './yaml/value-path.js'

/** A key of the items of a list, and what its values are called in a message. */
interface NamingKey {
  readonly list: string
  readonly key: string
  readonly what: string
}

/** Items of a list that must differ in one key, also in more than case. */
export function duplicates(tree: LocatedTree, { list, key, what }: NamingKey): readonly ConfigError[] {
  const first = new Map<string, { readonly line: number; readonly name: string }>()
  return listAt(tree.value, list).flatMap((item, at): readonly ConfigError[] => {
    const name = textAt(item, key)
    if (name === undefined || name === '') return []
    const path = [list, at, key]
    const earlier = first.get(name.toLowerCase())
    if (earlier === undefined) {
      first.set(name.toLowerCase(), { line: tree.placeOf(path).line, name })
      return []
    }
    const difference = earlier.name === name ? '' : ', which differs only in upper and lower case'
    return [
      {
        path,
        message: `a second ${what}${shown(tree, path, name)}, the first is on line ${earlier.line}${difference}`,
      },
    ]
  })
}

/** A name that is used somewhere, and those that it may be. */
interface UsedName {
  readonly path: ValuePath
  /** What it is the name of, such as `role`. */
  readonly what: string
  readonly name: string
  readonly known: readonly string[]
  /** The file that defines them, for a hint; `this file` when not given. */
  readonly definedIn?: string | undefined
}

/** A name that stands for nothing. */
export function unknownName(tree: LocatedTree, used: UsedName): ConfigError {
  const { path, what, name, known, definedIn = 'this file' } = used
  const near = nearestName(name, known)
  const suggestion = near === undefined ? '' : `; did you mean \`${strangerText(near)}\`?`
  const message = `unknown ${what}${shown(tree, path, name)}${suggestion}`
  if (near !== undefined) return { path, message }
  const names = known.map((text) => strangerText(text)).join(', ')
  const hint = known.length === 0 ? `${definedIn} defines no ${what}` : `${definedIn} defines ${names}`
  return { path, message, hint }
}

/** A name in a message, unless it came from the environment. */
export function shown(tree: LocatedTree, path: ValuePath, name: string): string {
  return tree.placeOf(path).fromEnvironment ? '' : ` \`${strangerText(name)}\``
}
