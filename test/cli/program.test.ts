import type { Command } from 'commander'
import { beforeAll, describe, expect, it } from 'vitest'
import { createProgram } from '../../src/cli/program.js'
import { OPERATIONS } from '../../src/operations/register.js'

async function commandsFor(...words: string[]): Promise<readonly string[]> {
  return (await createProgram(words)).commands.map((command) => command.name())
}

const operations = OPERATIONS.flatMap(({ name, command }) => (command === undefined ? [] : [name]))

describe('the command line', () => {
  // All modules of the program are loaded one by one here.
  beforeAll(() => createProgram([]), 60_000)

  it('has every command for help, and for a name that is none', async () => {
    const all = await commandsFor('--help')
    expect(all).toEqual(expect.arrayContaining(['serve', 'devices', 'token', 'get-config']))
    expect(all.length).toBe(new Set(all).size)
    expect(all).toEqual(expect.arrayContaining(operations))
    expect(await commandsFor()).toEqual(all)
    expect(await commandsFor('devics')).toEqual(all)
    expect(await commandsFor('constructor')).toEqual(all)
  })

  it('loads the one command that is named, and none for the version', async () => {
    for (const name of await commandsFor('--help')) expect(await commandsFor(name, '--help')).toEqual([name])
    expect(await commandsFor('version')).toEqual(['version'])
    expect(await commandsFor('--version')).toEqual([])
    expect(await commandsFor('-V')).toEqual([])
  })

  it('has each command below a heading that says what it is for', async () => {
    const program = await createProgram(['--help'])
    const headings = new Map(program.commands.map((command) => [command.name(), command.helpGroup()]))
    expect(headings.get('serve')).toBe('Run a bridge:')
    expect(headings.get('get-config')).toBe(headings.get('rpc'))
    expect([...headings.values()]).not.toContain('')
    expect(helpOf(program, 80)).not.toContain('\nCommands:\n')
  })

  it.each([80, 60])('breaks no word of its help at %i columns', async (columns) => {
    for (const command of await everyCommand()) {
      const lines = helpOf(command, columns).split('\n')
      // What is to be typed stays on its line.
      const prose = lines.filter((line) => !line.startsWith('  homeport '))
      expect(prose.filter((line) => line.length > columns)).toEqual([])
    }
  })

  it('calls the configuration -c wherever it may be given', async () => {
    const flags = (await everyCommand()).flatMap(({ options }) => options.filter(({ long }) => long === '--config'))
    expect(flags.length).toBeGreaterThan(20)
    expect(new Set(flags.map(({ short }) => short))).toEqual(new Set(['-c']))
  })
})

/** The commands of the program, those below others too. */
async function everyCommand(): Promise<readonly Command[]> {
  const below = (command: Command): Command[] => [command, ...command.commands.flatMap(below)]
  return below(await createProgram(['--help']))
}

/** What `--help` of a command prints on a terminal of so many columns. */
function helpOf(command: Command, columns: number): string {
  let printed = ''
  command.configureOutput({ writeOut: (text) => (printed += text), getOutHelpWidth: () => columns })
  command.outputHelp()
  return printed
}
