/*
 * `npm run rooms`: writes from `src/rooms.json`, the table of rooms, what is made of it: `rooms.oxlintrc.json`, by
 * which the lint refuses imports that the table does not allow, and the table in CONTRIBUTING.md. With `--check` it
 * writes nothing and fails where one is out of date.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import * as z from 'zod'

/** A folder of `src/`, with the paths below `src/` that its files may import: a room, or a folder or file of one. */
const roomSchema = z.strictObject({
  room: z.string().regex(/^[a-z0-9]+$/),
  holds: z.string().min(10),
  mayImport: z.array(z.string()),
  /** Paths of which only types may be imported. */
  mayImportTypes: z.array(z.string()).default([]),
})

export type Room = Readonly<z.output<typeof roomSchema>>

/**
 * So deep below `src/` a folder may lie. The lint's patterns count the `../`, and so each depth has patterns of its
 * own.
 */
export const DEEPEST = 5

const TABLE_BEGIN = '<!-- made of src/rooms.json by `npm run rooms` -->'
const TABLE_END = '<!-- the table of rooms ends -->'

export function readRooms(root: string): readonly Room[] {
  return z.array(roomSchema).parse(JSON.parse(readFileSync(join(root, 'src/rooms.json'), 'utf8')))
}

/** What is wrong with the table itself, beside the tree of `src/`: one sentence each. */
export function faultsOf(rooms: readonly Room[], root: string): readonly string[] {
  const names = rooms.map(({ room }) => room)
  const entries = readdirSync(join(root, 'src'), { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  return [
    ...folders.filter((name) => !names.includes(name)).map((name) => `src/${name}/ has no row in src/rooms.json`),
    ...names.filter((name) => !folders.includes(name)).map((name) => `the row ${name} names no folder of src/`),
    ...entries
      .filter((entry) => !entry.isDirectory() && !['main.ts', 'rooms.json'].includes(entry.name))
      .map(({ name }) => `src/${name} lies in no room`),
    ...readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.split('/').length > DEEPEST + 1)
      .map((path) => `src/${path} lies deeper than the lint looks, ${DEEPEST} folders`),
    ...rooms.flatMap(({ room, mayImport, mayImportTypes }, at) =>
      [...mayImport, ...mayImportTypes].flatMap((path) => {
        if (!existsSync(join(root, 'src', path)) && !existsSync(join(root, 'src', `${path}.ts`)))
          return [`${room} may import ${path}, which is not there`]
        if (path.startsWith('../') || names.indexOf(path.split('/')[0] ?? '') > at) return []
        return [`${room} may import ${path}, which does not stand below it in the table`]
      }),
    ),
  ]
}

/** The lint's configuration: for each room and each depth below `src/`, what its imports may not begin with. */
export function lintOf(rooms: readonly Room[], root: string): object {
  return {
    overrides: rooms.flatMap((room) =>
      Array.from({ length: DEEPEST }, (_, at) => ({
        files: [`src/${room.room}${'/*'.repeat(at + 1)}`],
        rules: { 'no-restricted-imports': ['error', { patterns: patternsOf(room, { rooms, depth: at + 1, root }) }] },
      })),
    ),
  }
}

interface Surroundings {
  readonly rooms: readonly Room[]
  /** How many `../` lead from the importing file to `src/`. */
  readonly depth: number
  readonly root: string
}

function patternsOf(
  { room, mayImport, mayImportTypes }: Room,
  { rooms, depth, root }: Surroundings,
): readonly object[] {
  const up = `^(\\.\\./){${depth}}`
  const allowed = [...mayImport, ...mayImportTypes]
  const refused = rooms
    .map((other) => other.room)
    .filter((other) => !allowed.includes(other))
    .map((other) => {
      const parts = allowed.filter((path) => path.startsWith(`${other}/`)).map((path) => asPrefix(path, root))
      return `${other}/${notBeginningWith(parts.map((part) => part.slice(other.length + 1)))}`
    })
  const types = mayImportTypes.map((path) => asPrefix(path, root).replace('.', '\\.'))
  const outside = allowed.filter((path) => path.startsWith('../')).map((path) => path.slice('../'.length))
  const message = `${room}/ may import ${describeImports(mayImport, mayImportTypes)} (src/rooms.json)`
  return [
    { regex: `${up}(${refused.join('|')})`, message },
    { regex: `${up}([^./][^/]*$|\\.\\./${notBeginningWith(outside)})`, message: `${room}/ may import rooms alone` },
    ...(mayImportTypes.length === 0 ? [] : [{ regex: `${up}(${types.join('|')})`, allowTypeImports: true, message }]),
    // `../b/../../store/x.js` would hide from the patterns how far up it goes.
    { regex: '^\\./\\.|/\\./|[^./]/\\.\\./', message: 'a path goes up first, and then down' },
  ]
}

/**
 * How an import of something below `src/` begins there: `store/sqlite/` for a folder, `trust/device-id.js` for a file.
 */
function asPrefix(path: string, root: string): string {
  return existsSync(join(root, 'src', `${path}.ts`)) ? `${path}.js` : `${path}/`
}

/**
 * A regular expression for the texts that begin with none of these, for the lint's knows no `(?!…)`: `([^a]|a[^b])` for
 * `ab`.
 */
function notBeginningWith(prefixes: readonly string[]): string {
  if (prefixes.length === 0) return ''
  const letters = [...new Set(prefixes.map((prefix) => prefix.charAt(0)))]
  const escaped = (letter: string): string => letter.replace(/[.\\^\]-]/, '\\$&')
  const longer = letters.flatMap((letter) => {
    const rests = prefixes.filter((prefix) => prefix.startsWith(letter)).map((prefix) => prefix.slice(1))
    return rests.includes('') ? [] : [`${escaped(letter)}${notBeginningWith(rests)}`]
  })
  return `(${[`[^${letters.map(escaped).join('')}]`, ...longer].join('|')})`
}

function describeImports(mayImport: readonly string[], mayImportTypes: readonly string[]): string {
  const told = [
    ...mayImport.filter((path) => !path.startsWith('../')),
    ...mayImportTypes.map((path) => `${path} (types)`),
  ]
  return told.length === 0 ? 'nothing of ours' : told.join(', ')
}

/** So many rooms below one are named, even where it may import nearly all of them. */
const FEW_ROOMS = 6

/** The table of CONTRIBUTING.md. */
export function tableOf(rooms: readonly Room[]): string {
  const rows = rooms.map((room, at) => {
    const notBelow = rooms.slice(at + 1).filter((other) => !room.mayImport.includes(other.room))
    const nearlyAll = notBelow.length < 2 && rooms.length - at > FEW_ROOMS
    const imports = nearlyAll
      ? ['every room below', ...notBelow.map((other) => other.room)].join(' but ')
      : describeImports(room.mayImport, room.mayImportTypes)
    return `| \`${room.room}/\` | ${room.holds} | ${imports} |`
  })
  return ['| room | what lives there | may import |', '|---|---|---|', ...rows].join('\n')
}

/** CONTRIBUTING.md with the table in place of the one that it has. */
export function withTable(page: string, table: string): string {
  const begin = page.indexOf(TABLE_BEGIN)
  const end = page.indexOf(TABLE_END)
  if (begin === -1 || end < begin) throw new Error(`CONTRIBUTING.md has lost ${TABLE_BEGIN} or ${TABLE_END}`)
  return `${page.slice(0, begin)}${TABLE_BEGIN}\n\n${table}\n\n${page.slice(end)}`
}

/** An override a line, so that a change of one row is a change of its lines alone. */
function asText(lint: object): string {
  const { overrides } = lint as { readonly overrides: readonly object[] }
  return `{\n  "overrides": [\n    ${overrides.map((one) => JSON.stringify(one)).join(',\n    ')}\n  ]\n}\n`
}

/** Brings the files that are made of the table up to date, or with `check` says which are not. */
export function run(root: string, { check }: { readonly check: boolean }): readonly string[] {
  const rooms = readRooms(root)
  const faults = faultsOf(rooms, root)
  if (faults.length > 0) return faults
  const page = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8')
  const made = {
    'rooms.oxlintrc.json': asText(lintOf(rooms, root)),
    'CONTRIBUTING.md': withTable(page, tableOf(rooms)),
  }
  return Object.entries(made).flatMap(([name, text]) => {
    const path = join(root, name)
    if (existsSync(path) && readFileSync(path, 'utf8') === text) return []
    if (check) return [`${name} is not what src/rooms.json says: run \`npm run rooms\``]
    writeFileSync(path, text)
    return []
  })
}

if (import.meta.filename === process.argv[1]) {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
  const faults = run(join(import.meta.dirname, '..'), values)
  for (const fault of faults) process.stderr.write(`rooms: ${fault}\n`)
  process.exitCode = faults.length === 0 ? 0 : 1
}
