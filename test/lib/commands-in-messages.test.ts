import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const source = fileURLToPath(new URL('../../src', import.meta.url))

/** Where a text of the program begins a command of `homeport` and goes on with a value. There is no command `login`. */
function commandsWithValues(file: string, text: string): string[] {
  return [...text.matchAll(/\bhomeport (?!login to )[a-z][^`\n]*?(?:\$\{|['"`] \+).*/g)].map(
    ({ 0: found, index }) => `${file}:${text.slice(0, index).split('\n').length}: ${found}`,
  )
}

describe('a command that a message tells to paste', () => {
  test('is made by homeportCommand wherever it holds a value', () => {
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
    expect(files.length).toBeGreaterThan(100)
    expect(files.flatMap((file) => commandsWithValues(file, readFileSync(join(source, file), 'utf8')))).toEqual([])
  })

  test.each([
    'const hint = `homeport devices approve ${id}`',
    'const hint = `${compare}: homeport rpc --timeout 3s ${id}`',
    "const hint = 'homeport devices forget ' + id",
  ])('is found by this test: %s', (text) => {
    expect(commandsWithValues('x.ts', text)).toHaveLength(1)
  })
})
