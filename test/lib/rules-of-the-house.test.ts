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
})
