import { spawnSync } from 'node:child_process'
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { GIT_ENVIRONMENT } from './support/git-environment.js'

const root = join(import.meta.dirname, '../..')
/** What the tests have built; the repository itself may lie in such a directory of another one. */
const BUILT = join(root, 'test/.build')
const LAST_RELEASE = 'test/northbound/http/openapi-of-the-last-release.json'

/** A repository with files of this one as they are now, the version 0.8.0, and one commit. */
let clone = ''

afterEach(() => rmSync(clone, { recursive: true }))

function makeRepository(...names: readonly string[]): void {
  clone = mkdtempSync(join(tmpdir(), 'homeport-release-'))
  for (const name of ['scripts', 'package.json', 'package-lock.json', ...names])
    cpSync(join(root, name), join(clone, name), { recursive: true, filter: (path) => path !== BUILT })
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'))
  write('.gitignore', 'node_modules\n')
  if (names.length > 0) write(LAST_RELEASE, '{}\n')
  write('CHANGELOG.md', '# Changelog\n\n## Unreleased\n\n- A thing.\n')
  const version = versionIn('package.json')
  for (const name of ['package.json', 'package-lock.json'])
    write(name, read(name).replaceAll(`"version": "${version}"`, '"version": "0.8.0"'))
  git('init', '-q', '-b', 'main')
  git('add', '.')
  git('commit', '-q', '-m', 'feat: a thing')
}

interface Ran {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

function run(command: string, ...words: readonly string[]): Ran {
  const { status, stdout, stderr } = spawnSync(command, words, { cwd: clone, env: GIT_ENVIRONMENT, encoding: 'utf8' })
  return { status, out: stdout, err: stderr }
}

const git = (...words: readonly string[]): string => run('git', ...words).out.trim()
const release = (...words: readonly string[]): Ran => run('node_modules/.bin/tsx', 'scripts/release.ts', ...words)
const read = (name: string): string => readFileSync(join(clone, name), 'utf8')
const write = (name: string, text: string): void => writeFileSync(join(clone, name), text)

function versionIn(name: string): string {
  return (JSON.parse(read(name)) as { version: string }).version
}

const today = new Date().toISOString().slice(0, 10)

describe('npm run release', { timeout: 120_000 }, () => {
  test('says what it would do, makes a commit and a tag of the version of package.json, and then of the one asked for', () => {
    makeRepository('src', 'test', 'tsconfig.json')
    const { status, out } = release('0.9.0', '--dry-run')
    expect(status).toBe(0)
    expect(out).toContain('0.9.0, after no release:\n\n- A thing.\n')
    expect(out).toContain(`would change CHANGELOG.md, package.json, package-lock.json, ${LAST_RELEASE}`)
    expect(git('status', '--porcelain')).toBe('')
    expect(git('tag')).toBe('')
    expect(git('rev-list', '--count', 'HEAD')).toBe('1')

    expect(release()).toMatchObject({ status: 0, err: '' })
    expect(git('status', '--porcelain')).toBe('')
    expect(git('log', '--format=%s')).toBe('chore(release): 0.8.0\nfeat: a thing')
    expect(git('cat-file', '-t', 'v0.8.0')).toBe('tag')
    expect(git('rev-parse', 'v0.8.0^{}')).toBe(git('rev-parse', 'HEAD'))
    expect(git('for-each-ref', '--format=%(contents)', 'refs/tags/v0.8.0')).toBe('Homeport 0.8.0\n\n- A thing.')
    expect(read('CHANGELOG.md')).toBe(`# Changelog\n\n## Unreleased\n\n## 0.8.0 – ${today}\n\n- A thing.\n`)
    const kept = JSON.parse(read(LAST_RELEASE)) as { paths: object }
    expect(Object.keys(kept.paths)).toContain('/api/v1/devices')

    expect(release()).toMatchObject({ status: 1, err: expect.stringContaining('v0.8.0 is a tag already') })

    appendFileSync(join(clone, 'README.md'), 'More.\n')
    git('add', '.')
    git('commit', '-q', '-m', 'fix(docs): more')
    expect(release('0.10.0')).toMatchObject({ status: 0, err: '' })
    expect(git('tag')).toBe('v0.10.0\nv0.8.0')
    expect([versionIn('package.json'), versionIn('package-lock.json')]).toEqual(['0.10.0', '0.10.0'])
    expect(JSON.parse(read('package-lock.json'))).toMatchObject({ packages: { '': { version: '0.10.0' } } })
    expect(git('diff', '--numstat', 'v0.8.0', 'HEAD', '--', 'package-lock.json')).toMatch(/^2\t2\t/)
    expect(read('CHANGELOG.md')).toContain(
      `## Unreleased\n\n## 0.10.0 – ${today}\n\n### Fixed\n\n- more (docs)\n\n## 0.8.0 – ${today}\n`,
    )
  })

  test.each<[string, () => void, readonly string[], string]>([
    ['a tree with changes', () => write('CHANGELOG.md', 'else'), [], 'CHANGELOG.md'],
    ['a tree with a new file', () => write('NEW.md', 'else'), [], 'NEW.md'],
    [
      'another branch',
      () => void git('switch', '-q', '-c', 'topic'),
      [],
      'a release is made on main, and this is topic',
    ],
    ['no version', () => undefined, ['next'], 'next is no version'],
    ['an older version', () => undefined, ['0.7.9'], '0.7.9 is older than 0.8.0'],
  ])('refuses %s', (_, prepare, words, message) => {
    makeRepository()
    prepare()
    expect(release(...words)).toMatchObject({ status: 1, err: expect.stringContaining(message) })
    expect(git('tag')).toBe('')
    expect(git('log', '--format=%s')).toBe('feat: a thing')
  })
})
