import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const src = fileURLToPath(new URL('../../src/', import.meta.url))
const files = readdirSync(src, { encoding: 'utf8', recursive: true })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, text: readFileSync(`${src}${name}`, 'utf8') }))

/** Places in `src/` where something is written, as `file: line`. */
function places(pattern: RegExp): readonly string[] {
  return files.flatMap(({ name, text }) =>
    text.split('\n').flatMap((line) => (pattern.test(line) ? [`${name}: ${line.trim()}`] : [])),
  )
}

describe('what the lint cannot say of src/', () => {
  test('there is something to look at', () => {
    expect(files.length).toBeGreaterThan(300)
  })

  test('only onAbort listens to an AbortSignal, because it looks whether it is aborted already', () => {
    expect(places(/addEventListener\(\s*['"]abort['"]|onabort\s*=/)).toEqual([
      expect.stringMatching(/^lib\/on-abort\.ts: /),
    ])
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
})
