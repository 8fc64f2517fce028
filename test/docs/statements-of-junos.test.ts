import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readJunosLine } from '../support/junos-statements.js'
import { sectionsOf } from '../support/page-blocks.js'

const root = join(import.meta.dirname, '../..')
const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => join('docs', name))].filter((name) =>
  name.endsWith('.md'),
)

/** Lines of configuration mode, wherever they stand: indented, in a fenced block, or as code within a sentence. */
function statementsOn(page: string): readonly string[] {
  const text = readFileSync(join(root, page), 'utf8')
  const lines = [...text.matchAll(/^ *((?:set|delete|activate|deactivate) system .*)$/gm)]
  const inSentences = [...text.matchAll(/`((?:set|delete) system [^`]*)`/g)]
  return [...lines, ...inSentences].map(([, line = '']) => line.trim())
}

describe('statements of Junos on the pages', () => {
  it.each(pages)('are ones that Junos knows: %s', (page) => {
    for (const line of statementsOn(page)) expect(() => readJunosLine(line)).not.toThrow()
  })

  it('are found at all, and wrong ones are told', () => {
    expect(statementsOn('docs/junos.md').length).toBeGreaterThan(20)
    for (const wrong of [
      'set system services ssh ca-authorized user_ca',
      'set system services outbound-ssh client homeport 198.51.100.5 4334',
      'set system services outbound-ssh client homeport reconnect-strategy in_order',
      'set system services ssh host-certificate-file',
      'set system services ssh authorized-principals',
      'set system login user a authentication ssh-rsa AAAA',
      'delete system',
    ])
      expect(() => readJunosLine(wrong)).toThrow(/knows no such statement/)
  })
})

describe('the page on Junos', () => {
  const blocks = sectionsOf('junos.md').flatMap(({ blocks }) => blocks)
  const linesIn = (language: string): readonly string[] =>
    blocks.filter((block) => block.language === language).flatMap(({ text }) => text.split('\n'))

  it('has blocks of these kinds alone, of which a test knows what to do with each', () => {
    expect(new Set(blocks.map(({ language }) => language))).toEqual(new Set(['sh', 'csh', 'junos', 'yaml', 'text']))
  })

  it.each(linesIn('junos'))('a line of configuration mode: %s', (line) => {
    expect(() => readJunosLine(line)).not.toThrow()
  })

  it.each(linesIn('sh'))('needs no rights that its user has not: %s', (line) => {
    // The shell opens the files of `>` itself, without sudo.
    expect(line).not.toMatch(/>\s*\/(?!dev\/null)/)
    const privileged =
      /\/etc\/homeport|\/var\/lib\/homeport|\b(systemctl|journalctl)\b|\bhomeport (devices|ca|get|check)/
    for (const command of line.split(/\s*\|\s*/))
      if (privileged.test(command)) expect(command).toMatch(/^sudo |^[A-Za-z]/)
    if (privileged.test(line)) expect(line).toMatch(/(^|\| )sudo /)
  })

  it.each(blocks.filter(({ language }) => language === 'yaml').map(({ text }) => [text]))('is YAML: %s', (text) => {
    expect(Object.keys(parse(text) as object).length).toBeGreaterThan(0)
  })
})
