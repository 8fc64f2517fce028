import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => join('docs', name))].filter((name) =>
  name.endsWith('.md'),
)

/** Lines after which a device or a shell waits for words, and takes what was pasted behind them for these. */
const ASKS = [
  / plain-text-password$/,
  /^load \S+ terminal$/,
  // More of the same line is pasted with it, and is read by the shell before.
  /^read -[^;&|]*$/,
  /^(docker|podman) run .*-i .*hash-password/,
  /^openssl passwd/,
]

/** Lines that ask, with the line of the same block that follows. */
function swallowedOn(text: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.replace(/ +# .*$/, '').trim())
  return lines.flatMap((line, at) => {
    const next = lines[at + 1] ?? ''
    const ends = next === '' || next.startsWith('```')
    return !ends && ASKS.some((asks) => asks.test(line)) ? [`${line} <- ${next}`] : []
  })
}

describe('a line that asks for something is the last of what is pasted at once', () => {
  it.each(pages)('%s', (page) => {
    expect(swallowedOn(readFileSync(join(root, page), 'utf8'))).toEqual([])
  })

  it('and others are told', () => {
    for (const line of [
      '    set system login user a authentication plain-text-password',
      "read -rsp 'password: ' PASSWORD",
      '    docker run --rm -i homeport user hash-password > file      # a remark',
    ])
      expect(swallowedOn(`${line}\n    commit`)).toHaveLength(1)
  })
})
