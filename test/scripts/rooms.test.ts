import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DEEPEST, faultsOf, type Room, readRooms, run, tableOf, withTable } from '../../scripts/rooms.js'

const root = join(import.meta.dirname, '../..')
const rooms = readRooms(root)

/** A tree that is linted as the repository is: its configuration, and in `src/` what the tests write. */
let tree = ''

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'homeport-rooms-'))
  for (const name of ['.oxlintrc.json', 'rooms.oxlintrc.json', 'package.json', 'tsconfig.json'])
    cpSync(join(root, name), join(tree, name))
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
})

beforeEach(() => rmSync(join(tree, 'src'), { recursive: true, force: true }))

afterAll(() => rmSync(tree, { recursive: true, force: true }))

function write(path: string, text: string): void {
  mkdirSync(join(tree, dirname(path)), { recursive: true })
  writeFileSync(join(tree, path), text)
}

interface Finding {
  readonly file: string
  readonly rule: string
  readonly line: number
}

/** What the lint says of the tree's `src/`, of these rules. */
async function findings(...rules: readonly string[]): Promise<readonly Finding[]> {
  const output = await new Promise<string>((resolve) => {
    execFile(
      join(root, 'node_modules/.bin/oxlint'),
      ['--format', 'json', 'src'],
      { cwd: tree, maxBuffer: 64 << 20 },
      (_, stdout) => resolve(stdout),
    )
  })
  const { diagnostics } = JSON.parse(output) as {
    diagnostics: readonly { filename: string; code: string; labels: readonly { span: { line: number } }[] }[]
  }
  return diagnostics
    .map(({ filename, code, labels }) => ({ file: filename, rule: code, line: labels[0]?.span.line ?? 0 }))
    .filter(({ rule }) => rules.some((name) => rule.includes(name)))
}

/** Whether a file may import another one, said anew from the table: by paths, not by patterns. */
function isAllowed(importer: Room, target: string): boolean {
  const isWithin = (path: string): boolean => target === `src/${path}.ts` || target.startsWith(`src/${path}/`)
  return [importer.room, ...importer.mayImport].some(isWithin)
}

/**
 * A file in each room at each depth. Its folders are named as rooms, which must not confuse the lint:
 * `src/ssh/rpc/fleet/file.ts`.
 */
const innerFolders = ['rpc', 'fleet', 'store', 'lib', 'config']
const filesOfAllDepths = rooms.flatMap((importer) =>
  Array.from({ length: DEEPEST }, (_, depth) => ({
    importer,
    path: ['src', importer.room, ...innerFolders.slice(0, depth), 'file.ts'].join('/'),
  })),
)
const targets = [
  ...rooms.flatMap(({ room }) => [`src/${room}/file.ts`, `src/${room}/rpc/fleet/file.ts`]),
  // A file that a row allows, its neighbour, and one whose name begins with the same letters.
  'src/trust/device-id.ts',
  'src/trust/claim.ts',
  'src/trust/device-id-of-another.ts',
  'src/main.ts',
  'outside.ts',
]

/** The way from one file to another as imports write it. */
function specifier(from: string, to: string): string {
  const path = relative(dirname(from), to).replace(/\.ts$/, '.js')
  return path.startsWith('.') ? path : `./${path}`
}

describe('the lint that is made of the table', () => {
  test('refuses just the imports that the table does not allow, at each depth', async () => {
    for (const { path } of filesOfAllDepths) {
      const others = targets.filter((target) => target !== path)
      write(path, others.map((target) => `import '${specifier(path, target)}'\n`).join(''))
    }
    const refused = (await findings('no-restricted-imports')).map(({ file, line }) => `${file}:${line}`)
    const expected = filesOfAllDepths.flatMap(({ importer, path }) =>
      targets
        .filter((target) => target !== path)
        .flatMap((target, at) => (isAllowed(importer, target) ? [] : [`${path}:${at + 1}`])),
    )
    expect(expected.length).toBeGreaterThan(1000)
    expect(refused.toSorted()).toEqual(expected.toSorted())
  })

  const forbidden = '../telemetry/metrics.js'
  test.each([
    ['a value', `import { x } from '${forbidden}'\nexport const y = x\n`],
    ['a type', `import type { X } from '${forbidden}'\nexport type Y = X\n`],
    ['a type among values', `import { type X } from '${forbidden}'\nexport type Y = X\n`],
    ['a type in place', `export type Y = import('${forbidden}').X\n`],
    ['what is handed on', `export { x } from '${forbidden}'\n`],
    ['all of what is handed on', `export * from '${forbidden}'\n`],
    ['what is loaded later', `export const y = async (): Promise<unknown> => await import('${forbidden}')\n`],
    ['a detour', `import { x } from '../lib/../telemetry/metrics.js'\nexport const y = x\n`],
    ['a detour by the own room', `import { x } from './a/../../telemetry/metrics.js'\nexport const y = x\n`],
    ['a detour by a dot', `import { x } from './../telemetry/metrics.js'\nexport const y = x\n`],
    ['a detour around src', `import { x } from '../../src/telemetry/metrics.js'\nexport const y = x\n`],
  ])('sees %s', async (_, text) => {
    write('src/trust/form.ts', text)
    const found = await findings('no-restricted-imports', 'consistent-type-imports')
    expect(found.filter(({ file }) => file === 'src/trust/form.ts')).not.toEqual([])
  })

  test('takes a type, and no value, of what a row allows types of', async () => {
    write('src/store/types.ts', `import type { X } from '../access/file.js'\nexport type Y = X\n`)
    write('src/store/values.ts', `import { x } from '../access/file.js'\nexport const y = x\n`)
    write(`src/audit/files/types.ts`, `import type { X } from '../../store/store.js'\nexport type Y = X\n`)
    write(`src/audit/files/values.ts`, `import { x } from '../../store/store.js'\nexport const y = x\n`)
    write(`src/audit/files/part.ts`, `import { x } from '../../store/sqlite/file.js'\nexport const y = x\n`)
    write(`src/audit/files/other.ts`, `import type { X } from '../../store/job.js'\nexport type Y = X\n`)
    const found = await findings('no-restricted-imports')
    expect(found.map(({ file }) => file).toSorted()).toEqual([
      'src/audit/files/other.ts',
      'src/audit/files/values.ts',
      'src/store/values.ts',
    ])
  })

  test('refuses a circle of types alone', async () => {
    write('src/net/one.ts', `import type { Two } from './two.js'\nexport type One = Two | 1\n`)
    write('src/net/two.ts', `import type { One } from './one.js'\nexport interface Two { readonly one?: One }\n`)
    const found = (await findings('no-cycle')).map(({ file }) => file)
    expect(found.toSorted()).toEqual(['src/net/one.ts', 'src/net/two.ts'])
  })
})

describe('npm run rooms', () => {
  test('finds nothing amiss in this tree', () => {
    expect(run(root, { check: true })).toEqual([])
  })

  test('tells a folder without a row, a row without a folder, a file in no room and one that lies too deep', () => {
    const bare = mkdtempSync(join(tmpdir(), 'homeport-rooms-'))
    try {
      mkdirSync(join(bare, 'src/attic'), { recursive: true })
      mkdirSync(join(bare, 'src/lib/1/2/3/4'), { recursive: true })
      writeFileSync(join(bare, 'src/lib/1/2/3/4/deepest.ts'), '')
      mkdirSync(join(bare, 'src/lib/1/2/3/4/5'))
      writeFileSync(join(bare, 'src/lib/1/2/3/4/5/deeper.ts'), '')
      writeFileSync(join(bare, 'src/helpers.ts'), '')
      const room = { holds: 'something or other', mayImportTypes: [] }
      expect(
        faultsOf(
          [
            { ...room, room: 'lib', mayImport: ['attic/key'] },
            { ...room, room: 'net', mayImport: ['lib'] },
          ],
          bare,
        ),
      ).toEqual([
        'src/attic/ has no row in src/rooms.json',
        'the row net names no folder of src/',
        'src/helpers.ts lies in no room',
        'src/lib/1/2/3/4/5/deeper.ts lies deeper than the lint looks, 5 folders',
        'lib may import attic/key, which is not there',
        'net may import lib, which does not stand below it in the table',
      ])
    } finally {
      rmSync(bare, { recursive: true })
    }
  })

  test('tells what is out of date, and brings it up to date', () => {
    cpSync(join(root, 'src'), join(tree, 'up-to-date/src'), { recursive: true })
    const copy = join(tree, 'up-to-date')
    writeFileSync(join(copy, 'package.json'), '{}')
    writeFileSync(join(copy, 'CONTRIBUTING.md'), withTable(MARKED, 'an older table'))
    writeFileSync(join(copy, 'rooms.oxlintrc.json'), '{}')
    expect(run(copy, { check: true })).toEqual([
      'rooms.oxlintrc.json is not what src/rooms.json says: run `npm run rooms`',
      'CONTRIBUTING.md is not what src/rooms.json says: run `npm run rooms`',
    ])
    expect(run(copy, { check: false })).toEqual([])
    expect(run(copy, { check: true })).toEqual([])
  })

  test('leaves what stands around the table as it is', () => {
    const page = withTable(MARKED, tableOf(rooms))
    expect(page.startsWith('# A page\n')).toBe(true)
    expect(page.endsWith('What follows.\n')).toBe(true)
    expect(withTable(page, tableOf(rooms))).toBe(page)
    expect(() => withTable('no marks', 'a table')).toThrow('CONTRIBUTING.md has lost')
  })
})

const MARKED =
  '# A page\n<!-- made of src/rooms.json by `npm run rooms` -->\n<!-- the table of rooms ends -->\nWhat follows.\n'
