import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { GIT_ENVIRONMENT } from './support/git-environment.js'

const root = join(import.meta.dirname, '../..')

let clone = ''

beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'homeport-hooks-'))
  for (const name of [
    '.oxlintrc.json',
    'rooms.oxlintrc.json',
    'biome.json',
    'tsconfig.json',
    'package.json',
    'scripts',
  ])
    cpSync(join(root, name), join(clone, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'))
  git('init', '-q')
  const switchedOn = run('sh', 'scripts/use-hooks.sh')
  expect(switchedOn).toMatchObject({ status: 0 })
})

afterEach(() => rmSync(clone, { recursive: true }))

function run(command: string, ...words: readonly string[]): { readonly status: number | null; readonly told: string } {
  const { status, stdout, stderr } = spawnSync(command, words, { cwd: clone, env: GIT_ENVIRONMENT, encoding: 'utf8' })
  return { status, told: stdout + stderr }
}

function git(...words: readonly string[]): { readonly status: number | null; readonly told: string } {
  return run('git', ...words)
}

/** A commit of one file that says this, by a subject that passes. */
function commit(path: string, text: string): { readonly status: number | null; readonly told: string } {
  mkdirSync(join(clone, dirname(path)), { recursive: true })
  writeFileSync(join(clone, path), text)
  git('add', path)
  return git('commit', '-m', 'test: what a hook says of it')
}

describe('before a commit', { timeout: 30_000 }, () => {
  test('a file that is in order passes', () => {
    expect(commit('src/lib/one.ts', 'export const one = 1\n')).toMatchObject({ status: 0 })
  })

  test('a page passes without being looked at', () => {
    expect(commit('docs/page.md', '# A page  \n')).toMatchObject({ status: 0 })
  })

  test.each([
    ['lint', 'src/lib/one.ts', 'export var one = 1\n', 'no-var'],
    ['rooms', 'src/lib/one.ts', "import '../cli/program.js'\n\nexport const one = 1\n", 'src/rooms.json'],
    ['promises', 'src/lib/one.ts', 'Promise.resolve(1)\n\nexport const one = 1\n', 'no-floating-promises'],
    ['format', 'src/lib/one.ts', 'export const one = "1";\n', 'format'],
    ['format of JSON', 'package.json', '{"a":1}\n', 'format'],
  ])('%s is refused', (_, path, text, told) => {
    const { status, told: output } = commit(path, text)
    expect(status).not.toBe(0)
    expect(output).toContain(told)
    expect(git('log').status).not.toBe(0)
  })

  test('a file that is not part of the commit is not looked at', () => {
    mkdirSync(join(clone, 'src/lib'), { recursive: true })
    writeFileSync(join(clone, 'src/lib/unfinished.ts'), 'export var one = 1\n')
    expect(commit('src/lib/one.ts', 'export const one = 1\n')).toMatchObject({ status: 0 })
  })
})

describe('the subject of a commit', () => {
  const subjectIs = (subject: string): { readonly status: number | null; readonly told: string } => {
    writeFileSync(join(clone, 'MESSAGE'), `${subject}\n\nA body, which may say more in lines of its own.\n`)
    return run('sh', 'scripts/hooks/commit-msg', 'MESSAGE')
  }

  test.each([
    'fix: a word',
    'feat(http): a word',
    'refactor(fleet, store)!: a word',
    `fix: ${'x'.repeat(67)}`,
    `fix: ${'ü'.repeat(67)}`,
    "Merge branch 'main'",
    'fixup! fix: a word that is being mended and whose subject becomes far longer than 72',
  ])('%s passes', (subject) => {
    expect(subjectIs(subject)).toEqual({ status: 0, told: '' })
  })

  test.each([
    ['A word', 'begin the subject with its kind'],
    ['fix:a word', 'begin the subject with its kind'],
    ['oops(http): a word', 'begin the subject with its kind'],
    [`fix: ${'x'.repeat(68)}`, 'the subject has 73 columns'],
    ['', 'begin the subject with its kind'],
  ])('%s is refused', (subject, told) => {
    const { status, told: output } = subjectIs(subject)
    expect(status).toBe(1)
    expect(output).toContain(told)
  })

  test('is the first line that is no comment of git', () => {
    writeFileSync(join(clone, 'MESSAGE'), '\n# Please enter the commit message\nfix: a word\n# On branch main\n')
    expect(run('sh', 'scripts/hooks/commit-msg', 'MESSAGE').status).toBe(0)
  })
})

test('hooks that somebody has set by themselves stay', () => {
  git('config', 'core.hooksPath', '/elsewhere')
  expect(run('sh', 'scripts/use-hooks.sh')).toMatchObject({ status: 1 })
  expect(git('config', 'core.hooksPath').told).toBe('/elsewhere\n')
})
