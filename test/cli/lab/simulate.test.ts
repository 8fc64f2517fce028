import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { simulateCommand } from '../../../src/cli/lab/simulate.js'

const directory = mkdtempSync(join(tmpdir(), 'homeport-simulate-'))
afterAll(() => rmSync(directory, { recursive: true }))

function fileWith(text: string): string {
  const file = join(directory, 'secret')
  writeFileSync(file, text)
  return file
}

/** What the command would do with these options, without doing it. */
function optionsOf(...words: readonly string[]): Record<string, unknown> {
  const command = simulateCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .action(() => undefined)
  return command.parse(['--count', '1', '--to', '127.0.0.1:4334', ...words], { from: 'user' }).opts()
}

describe.each(['--secret-file', '--password-file'])('homeport simulate %s', (option) => {
  const key = option === '--secret-file' ? 'secretFile' : 'passwordFile'

  it.each([
    ['a line', 'of {id}\n', 'of {id}'],
    ['a line of Windows', 'x\r\n', 'x'],
    ['no line end', ' x ', ' x '],
  ])('takes what the file holds: %s', (_name, text, expected) => {
    expect(optionsOf(option, fileWith(text))[key]).toBe(expected)
  })

  it('says so where there is no such file, where there is nothing in it, and where the text is given as well', () => {
    expect(() => optionsOf(option, join(directory, 'none'))).toThrow('There is no such file.')
    expect(() => optionsOf(option, fileWith('\n'))).toThrow('The file is empty.')
    expect(() => optionsOf(option, directory)).toThrow('It cannot be read (EISDIR).')
    const text = option.replace('-file', '')
    expect(() => optionsOf(option, fileWith('x'), text, 'y')).toThrow(/cannot be used with option/)
  })
})
