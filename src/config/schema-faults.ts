import type * as z from 'zod'
import type { ConfigError } from './config-error.js'
import type { HomesOfKeys } from './keys-of-schema.js'
import type { LocatedTree } from './yaml/located-tree.js'
import { nearestName } from '../lib/nearest-name.js'
import type { ValuePath } from './yaml/value-path.js'

/**
 * What the schema refused, in our words.
 * @param homes where each key belongs, asked for where a key is unknown
 */
export function schemaFaults(error: z.ZodError, tree: LocatedTree, homes: () => HomesOfKeys): readonly ConfigError[] {
  // Made at most once, however many keys are unknown.
  let known: HomesOfKeys | undefined
  return error.issues.flatMap((issue): readonly ConfigError[] => {
    const path = issue.path.filter((step): step is string | number => typeof step !== 'symbol')
    if (issue.code === 'unrecognized_keys') {
      known ??= homes()
      const keys = { here: issue.message.split(' '), homes: known }
      return issue.keys.map((key) => unknownKey(tree, [...path, key], keys))
    }
    const hint: unknown = issue.code === 'custom' ? issue.params?.['hint'] : undefined
    return [{ path, message: issue.message, ...(typeof hint === 'string' ? { hint } : {}) }]
  })
}

/** The keys of the section in which an unknown one stands, and all others. */
interface KnownKeys {
  readonly here: readonly string[]
  readonly homes: HomesOfKeys
}

/** Characters of a text that may be a key. */
const LONGEST_KEY = 64

/** Homes that are named; a key such as `port` has more than anybody reads. */
const MOST_HOMES = 5

/** Where a key belongs that stands in the wrong place, or, where nothing is near here, one that it is near to. */
function belongsElsewhere(key: string, { homes }: KnownKeys, hasNear: boolean): string | undefined {
  const name = homes.has(key) || hasNear ? key : nearestName(key, homes.keys())
  const found = name === undefined ? undefined : homes.get(name)
  if (found === undefined) return undefined
  const named = found.slice(0, MOST_HOMES).map((home) => (home === '' ? 'the top of the file' : `\`${home}\``))
  const more = found.length > MOST_HOMES ? [`${found.length - MOST_HOMES} others`] : []
  return `\`${name}\` belongs into ${inARow([...named, ...more])}`
}

/** `a`, `a or b`, `a, b or c`. */
function inARow(words: readonly string[]): string {
  const last = words.at(-1) ?? ''
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`
}

/** An unknown key may be the remains of an unquoted secret, so it is shown only when it looks like a key. */
function unknownKey(tree: LocatedTree, path: ValuePath, known: KnownKeys): ConfigError {
  const written = String(path.at(-1))
  // Longer than any key, it is compared with none.
  const key = written.slice(0, LONGEST_KEY + 1)
  const place = tree.placeOf(path)
  const around = path.slice(0, -1)
  if (place.bare)
    return {
      path: around,
      place,
      message: 'a key without a value',
      hint: 'inside { } quote a value that holds a comma',
    }
  const near = nearestName(key, known.here) ?? known.here.find((name) => name.startsWith(`${key}-`))
  const suggestion = near === undefined ? '' : `; did you mean \`${near}\`?`
  const elsewhere = belongsElsewhere(key, known, near !== undefined)
  const hint =
    elsewhere !== undefined
      ? { hint: elsewhere }
      : near === undefined
        ? { hint: `known here: ${known.here.join(', ')}` }
        : {}
  return /^[A-Za-z][\w.-]{0,63}$/.test(key)
    ? { path, message: `unknown key \`${key}\`${suggestion}`, ...hint }
    : { path: around, place, message: `an unknown key that is not a word${suggestion}`, ...hint }
}
