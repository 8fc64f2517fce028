import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const files = sourcesOf('src')
const scripts = sourcesOf('scripts')

/** The TypeScript files of a folder of the repository, with their names in it: `lib/on-abort.ts` of `src`. */
function sourcesOf(folder: string): readonly { readonly name: string; readonly text: string }[] {
  const path = fileURLToPath(new URL(`../../${folder}/`, import.meta.url))
  return readdirSync(path, { encoding: 'utf8', recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ name, text: readFileSync(`${path}${name}`, 'utf8') }))
}

/** Places in `src/` where something is written, as `file: line`. */
function places(pattern: RegExp): readonly string[] {
  return files.flatMap(({ name, text }) =>
    text.split('\n').flatMap((line) => (pattern.test(line) ? [`${name}: ${line.trim()}`] : [])),
  )
}

const LONGEST_LINE = 120

describe('what the lint cannot say of src/', () => {
  test('there is something to look at', () => {
    expect(files.length).toBeGreaterThan(300)
    expect(scripts.length).toBeGreaterThan(5)
  })

  test('no line of src/ and scripts/ is longer than an editor shows: the formatter leaves long texts as they are', () => {
    const tooLong = [...files, ...scripts].flatMap(({ name, text }) =>
      text.split('\n').flatMap((line, index) => (line.length > LONGEST_LINE ? [`${name}:${index + 1}: ${line}`] : [])),
    )
    expect(tooLong).toEqual([])
  })

  test('only onAbort listens to an AbortSignal, because it looks whether it is aborted already', () => {
    expect(places(/addEventListener\(\s*['"]abort['"]|onabort\s*=/)).toEqual([
      expect.stringMatching(/^lib\/on-abort\.ts: /),
    ])
  })

  test('the client of PostgreSQL is loaded by whoever has a database, and in one place', () => {
    const loads = places(/(?:from|import|require\() ?\(?'pg'/).filter((place) => !place.includes('import type '))
    expect(loads).toEqual(["store/postgres/postgres-engine.ts: const { default: pg } = await import('pg')"])
    expect(places(/^import (?!type).*store\/postgres\//).filter((place) => !place.startsWith('cli/store/'))).toEqual([])
  })

  test('no list is spread into the arguments of a call: each of its items takes room on the stack', () => {
    expect(places(/\b(push|unshift|splice|max|min|fromCharCode|fromCodePoint)\(([^(){]*, )?\.\.\.(?!\[)/)).toEqual([])
    expect(places(/\.(apply|call)\((undefined|null|this|Math|String), (?!.*\bthis\b)/)).toEqual([])
  })

  test('constants of a module are in capitals: numbers, texts, patterns, lists and sets', () => {
    const kinds = [
      String.raw`-?\d`,
      String.raw`'[^'\n]*'$`,
      '`[^`]*`$',
      String.raw`/(?![/*])`,
      String.raw`\[`,
      'new Set',
      String.raw`Buffer\.(?:from|alloc)`,
    ]
    const otherwise = new RegExp(String.raw`^(?:export )?const [a-z]\w*(?:: [^=]+)? = (?:${kinds.join('|')})`)
    expect(otherwise.test('const longestName = 64')).toBe(true)
    expect(otherwise.test("export const words: readonly string[] = ['a']")).toBe(true)
    expect(otherwise.test('const LONGEST_NAME = 64')).toBe(false)
    expect(places(otherwise)).toEqual([])
  })

  test('it is bytes, not octets, but in what users have always read', () => {
    const comment = /^\s*(?:\/\/|\/?\*).*\boctets?\b/i
    const name = /^[^'"`]*(?:\boctets?\b|[a-z]Octets?|octets?[A-Z])/
    // The key of a transcript's line, which is a format.
    const format = /write\(JSON\.stringify\(\{ time: .* octets: bytes \}\)\)/
    expect(places(comment)).toEqual([])
    expect(places(name).filter((place) => !format.test(place))).toEqual([])
  })

  test('things are counted by `counted`, where one of them is no plural', () => {
    const things = [
      'call channel connection device fault field file host job key line link message node operation port request',
      'role selector session time token user value',
    ]
    const plurals = things.flatMap((line) => line.split(' ')).join('s|')
    // A constant is more than one; where a line tells one apart, it is told; and a device `calls home`.
    const uncounted = new RegExp(String.raw`\$\{(?![A-Z\d_]+\})[^{}]+\} (?:${plurals}s)\b(?! home| list)`)
    const tellsOneApart = / (?:===|>) 1 \?/
    const old = [
      'the bridge has logged in to all ${options.count} devices\\n',
      '${own.length} jobs of yours wait',
      '${contest.turnedAway} links turned away',
      '${fields.length} fields, where the header line',
      '${maxSessions} sessions are open over HTTP already',
    ]
    expect(old.filter((text) => !uncounted.test(text))).toEqual([])
    expect(uncounted.test('${MOST_CALLS} calls wait')).toBe(false)
    expect(places(uncounted).filter((place) => !tellsOneApart.test(place))).toEqual([])
  })
})
