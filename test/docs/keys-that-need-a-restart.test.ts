import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { restartKeys } from '../../src/config/restart-keys.js'

const file = join(import.meta.dirname, '../../docs/configuration.md')
const begin = '<!-- made from src/config/schema.ts by: '
const end = '<!-- end -->'

/** The table of keys that need a restart, as the marks of the schema have it. */
function table(): string {
  const rows = restartKeys().map(({ key, waits }) => `| \`${key}\` | ${SAID_OF[waits]} |`)
  return ['| key | what waits for the restart |', '|---|---|', ...rows].join('\n')
}

const SAID_OF = {
  value: 'every change',
  presence: 'whether it is there at all; another value holds at once',
}

it('docs/configuration.md has the keys that need a restart, as the schema marks them', async () => {
  const text = readFileSync(file, 'utf8')
  const from = text.indexOf('\n', text.indexOf(begin)) + 1
  const to = text.indexOf(end, from)
  expect(from).toBeGreaterThan(0)
  expect(to).toBeGreaterThan(from)
  await expect(`${text.slice(0, from)}\n${table()}\n\n${text.slice(to)}`).toMatchFileSnapshot(file)
})
