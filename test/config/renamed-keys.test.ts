import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'
import { formatProblem } from '../../src/config/problem.js'
import { type RenamedKey, RENAMED_KEYS, renameKeys } from '../../src/config/renamed-keys.js'
import type { LocatedTree } from '../../src/config/yaml/located-tree.js'
import { formatPath } from '../../src/config/yaml/value-path.js'
import { configOf, parseText, printed, problemsOf } from './parse-text.js'

/** What is printed of a valid text because of its keys' names. */
function warnings(text: string): readonly string[] {
  const parsed = parseText(text)
  expect(parsed.ok).toBe(true)
  const told = parsed.ok ? parsed.warnings.map(formatProblem) : []
  return told.filter((line) => line.includes('is called'))
}

const settings = '{ max-size: 1KiB, when-full: continue, full: { users: [ops], redact: [box] } }'

describe('record: is an old name of audit:', () => {
  it('and means the same', () => {
    const { audit } = configOf(`record: ${settings}`)
    expect(audit).toEqual(configOf(`audit: ${settings}`).audit)
    expect(audit).toMatchObject({ maxSize: 1024, whenFull: 'continue', full: { users: ['ops'], redact: ['box'] } })
  })

  it('with a warning that names the file, the line and the new key', () => {
    expect(warnings(`log: { level: info }\nrecord: ${settings}`)).toEqual([
      'config/homeport.yaml:2:1: record: this key is called `audit` now\n    write `audit` instead; `record` is taken for this release only',
    ])
    expect(warnings(`audit: ${settings}`)).toEqual([])
    expect(warnings('')).toEqual([])
  })

  it('also where nothing is written at it, and where an anchor or a merge brings it', () => {
    expect(configOf('record:').audit).toEqual(configOf('').audit)
    expect(warnings('record:')).toHaveLength(1)
    expect(configOf('call-home: &a {}\n<<: { record: { max-files: 3 } }').audit.maxFiles).toBe(3)
  })

  it('and what is wrong in it is told under the name that the file has', () => {
    expect(problemsOf('record:\n  max-size: 1MB\n  full: { devices: [""], usrs: [] }\n')).toEqual([
      expect.stringMatching(/^2:3: record\.max-size: expected a size /),
      expect.stringMatching(/^3:21: record\.full\.devices\[0\]: /),
      '3:26: record.full.usrs: unknown key `usrs`; did you mean `users`?',
    ])
    expect(problemsOf('record: 7')).toEqual(['1:1: record: expected keys and values, found a single value'])
  })

  it.each(['record: {}\naudit: {}', 'record: { max-files: 1 }\naudit: { max-files: 2 }', 'record:\naudit:'])(
    'and both at once are refused: %j',
    (text) => {
      const line = text.split('\n').findIndex((each) => each.startsWith('audit')) + 1
      expect(printed(text)).toBe(
        `config/homeport.yaml:1:1: record: this key is called \`audit\` now, and \`audit\` is on line ${line} already\n` +
          '    move what is in `record` to `audit`, and remove `record`',
      )
    },
  )

  it('and is no known key: one that is mistyped is not told to be it', () => {
    expect(printed('recrod: {}')).not.toMatch(/did you mean `record`|, record,/)
  })
})

describe('keys that are renamed', () => {
  /** A tree without places, of a text. */
  const treeOf = (text: string): LocatedTree => ({
    value: parse(text),
    placeOf: (path) => ({ line: path.length, column: 1, fromEnvironment: false, bare: false }),
    pathInFile: (path) => path,
    faults: [],
  })
  const renamed: readonly RenamedKey[] = [
    { old: 'a.long.way', now: 'a.way' },
    { old: 'b', now: 'c.d' },
  ]

  it('may stand anywhere among sections', () => {
    const { tree, warnings: told, faults } = renameKeys(treeOf('a: { long: { way: [1], x: 2 } }\nb: { e: 3 }'), renamed)
    expect(tree.value).toEqual({ a: { long: { x: 2 }, way: [1] }, c: { d: { e: 3 } } })
    expect(told.map(({ path, message }) => `${formatPath(path)}: ${message}`)).toEqual([
      'a.long.way: this key is called `a.way` now',
      'b: this key is called `c.d` now',
    ])
    expect(faults).toEqual([])
    expect(formatPath(tree.pathInFile(['a', 'way', 0]))).toBe('a.long.way[0]')
    expect(formatPath(tree.pathInFile(['c', 'd', 'e']))).toBe('b.e')
    expect(formatPath(tree.pathInFile(['c', 'other']))).toBe('c.other')
    expect(tree.placeOf(['a', 'way', 0]).line).toBe(4)
  })

  it('leave what is no section to be refused', () => {
    expect(renameKeys(treeOf('c: [1]\nb: 2'), renamed).tree.value).toEqual({ c: [1] })
    expect(renameKeys(treeOf('a: { long: 7 }'), renamed).tree.value).toEqual({ a: { long: 7 } })
    expect(renameKeys(treeOf('[1]'), renamed).tree.value).toEqual([1])
  })

  it('do not cross each other', () => {
    const names = RENAMED_KEYS.flatMap(({ old, now }) => [old, now])
    expect(z.array(z.string().regex(/^[a-z-]+(\.[a-z-]+)*$/)).parse(names)).toEqual([...new Set(names)])
  })
})
