import { beforeAll, describe, expect, it } from 'vitest'
import { createProgram } from '../../src/cli/program.js'
import { OPERATIONS } from '../../src/operations/register.js'

async function commandsFor(...words: string[]): Promise<readonly string[]> {
  return (await createProgram(words)).commands.map((command) => command.name())
}

const operations = OPERATIONS.flatMap(({ command }) => (command === undefined ? [] : [command]))

describe('the command line', () => {
  // All modules of the program are loaded one by one here.
  beforeAll(() => createProgram([]), 60_000)

  it('has every command for help, and for a name that is none', async () => {
    const all = await commandsFor('--help')
    expect(all).toEqual(expect.arrayContaining(['serve', 'devices', 'token', 'get-config']))
    expect(all.length).toBe(12 + operations.length)
    expect(await commandsFor()).toEqual(all)
    expect(await commandsFor('devics')).toEqual(all)
    expect(await commandsFor('constructor')).toEqual(all)
  })

  it('loads the one command that is named, and none for the version', async () => {
    for (const name of await commandsFor('--help')) expect(await commandsFor(name, '--help')).toEqual([name])
    expect(await commandsFor('--version')).toEqual([])
    expect(await commandsFor('-V')).toEqual([])
  })
})
