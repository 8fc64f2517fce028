import type * as z from 'zod'
import type { ConfigError } from './config-error.js'
import type { LocatedTree } from './yaml/located-tree.js'
import { nearestName } from './nearest-name.js'
import type { ValuePath } from './yaml/value-path.js'

/** What the schema refused, in our words. */
export function schemaFaults(error: z.ZodError, tree: LocatedTree): readonly ConfigError[] {
  return error.issues.flatMap((issue): readonly ConfigError[] => {
    const path = issue.path.filter((step): step is string | number => typeof step !== 'symbol')
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => unknownKey(tree, [...path, key], issue.message.split(' ')))
    const hint: unknown = issue.code === 'custom' ? issue.params?.['hint'] : undefined
    return [{ path, message: issue.message, ...(typeof hint === 'string' ? { hint } : {}) }]
  })
}

/** An unknown key may be the remains of an unquoted secret, so it is shown only when it looks like a key. */
function unknownKey(tree: LocatedTree, path: ValuePath, known: readonly string[]): ConfigError {
  const key = String(path.at(-1))
  const place = tree.placeOf(path)
  const around = path.slice(0, -1)
  if (place.bare)
    return {
      path: around,
      place,
      message: 'a key without a value',
      hint: 'inside { } quote a value that holds a comma',
    }
  const near = nearestName(key, known)
  const suggestion = near === undefined ? '' : `; did you mean \`${near}\`?`
  const hint = near === undefined ? { hint: `known here: ${known.join(', ')}` } : {}
  return /^[A-Za-z][\w.-]{0,63}$/.test(key)
    ? { path, message: `unknown key \`${key}\`${suggestion}`, ...hint }
    : { path: around, place, message: `an unknown key that is not a word${suggestion}`, ...hint }
}
