import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { manPage } from '../../../scripts/package/man-page.js'
import { createProgram } from '../../../src/cli/program.js'

const page = await manPage('1.2.3-rc.4', new Date('2030-01-02T03:04:05Z'))
const program = await createProgram([])

const leaves = (command: Command): readonly Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)

const words = (command: Command): string =>
  command.parent === null ? command.name() : `${words(command.parent)} ${command.name()}`

/** As it is read: without what roff takes for itself. */
const read = page.replaceAll('\\-', '-').replaceAll('\\e', '\\').replaceAll('\\(dq', '"')

describe('the manual page', () => {
  it('has every command with every option', () => {
    const all = leaves(program)
    expect(all.length).toBeGreaterThan(40)
    for (const command of all) {
      const section = read.split(`.SS "${words(command)}`)[1]?.split(/^\.S[SH]/m)[0]
      expect(section, words(command)).toBeDefined()
      for (const { long, hidden } of command.options) if (long && !hidden) expect(section).toContain(long)
    }
  })

  it('says of which version and day it is', () => {
    expect(read).toMatch(/^\.TH HOMEPORT 1 "2030-01-02" "Homeport 1\.2\.3-rc\.4" /)
  })

  it('holds no request but ours, whatever a description begins with', () => {
    const requests = new Set([...page.matchAll(/^[.'](\w*)/gm)].map(([, name]) => name))
    expect(requests).toEqual(new Set(['B', 'PP', 'SH', 'SS', 'TH', 'TP']))
  })
})
