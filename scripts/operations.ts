/*
 * `npm run operations`: writes the table of typed operations in docs/http.md, and the list of their commands, from
 * `OPERATIONS` (src/operations/register.ts). With `--check` it writes nothing and fails where the page is out of
 * date.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Operation } from '../src/operations/define-operation.js'
import { OPERATIONS } from '../src/operations/register.js'

const PAGE = 'docs/http.md'
const MADE_OF = 'made of src/operations/ by `npm run operations`'

/** What of the page is made of the register, by the name in the comments around it. */
const PARTS: Readonly<Record<string, (operations: readonly Operation[]) => string>> = {
  operations: tableOf,
  commands: commandsOf,
}

/** The table of typed operations: a row for each, with its parameters. */
export function tableOf(operations: readonly Operation[]): string {
  const rows = operations.map((operation) => {
    const { name, summary, needs, note, body } = operation
    const parameters = Object.entries(body.shape).map(([key, schema]) => parameterOf(key, schema))
    const does = needs === undefined ? summary : `${summary}; the device has to announce ${needs.name}`
    const cells = [`\`${name}\``, does, [parameters.join(', '), note].filter((part) => part).join('; ')]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return ['| NAME | | parameters |', '|---|---|---|', ...rows].join('\n')
}

/** `source` with its default, or that it is required. */
function parameterOf(key: string, schema: Operation['body']['shape'][string]): string {
  const leftOut = schema.safeParse(undefined) as { readonly success: boolean; readonly data?: unknown }
  if (!leftOut.success) return `\`${key}\` (required)`
  return leftOut.data === undefined ? `\`${key}\`` : `\`${key}\` (default \`${wordOf(leftOut.data)}\`)`
}

/** A default as somebody would write it: `running`, `16`. */
function wordOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The commands of the operations, in a sentence. */
export function commandsOf(operations: readonly Operation[]): string {
  const names = operations.filter(({ command }) => command !== undefined).map(({ name }) => `\`${name}\``)
  return wrapped(`The commands are ${names.join(', ')}; \`rpc\` sends any other operation.`)
}

/** Lines of at most 120 columns. */
function wrapped(text: string): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line === undefined || line.length + word.length >= 120) lines.push(word)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines.join('\n')
}

/** The page with its parts in place of those that it has. */
export function withParts(page: string, operations: readonly Operation[]): string {
  return Object.entries(PARTS).reduce((text, [name, make]) => {
    const begin = `<!-- ${name}: ${MADE_OF} -->`
    const end = `<!-- ${name} end -->`
    const [before, rest] = [text.slice(0, text.indexOf(begin)), text.slice(text.indexOf(end))]
    if (!text.includes(begin) || !text.includes(end)) throw new Error(`${PAGE} has lost ${begin} or ${end}`)
    return `${before}${begin}\n\n${make(operations)}\n\n${rest}`
  }, page)
}

if (import.meta.filename === process.argv[1]) {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
  const path = join(import.meta.dirname, '..', PAGE)
  const page = readFileSync(path, 'utf8')
  const made = withParts(page, OPERATIONS)
  if (!values.check) writeFileSync(path, made)
  else if (made !== page) {
    process.stderr.write(`${PAGE} is not what src/operations/ says: run \`npm run operations\`\n`)
    process.exitCode = 1
  }
}
