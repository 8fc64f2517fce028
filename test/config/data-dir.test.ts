import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readDataDir } from '../../src/config/data-dir.js'
import { loadConfig } from '../../src/config/load.js'

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'homeport-data-dir-'))
  mkdirSync(join(cwd, 'etc'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

function dataDirOf(text: string, env: Readonly<Record<string, string>> = {}) {
  writeFileSync(join(cwd, 'etc/homeport.yaml'), text)
  const read = readDataDir({ file: 'etc/homeport.yaml', cwd, env })
  return read.ok ? read.dataDir : `${read.problem.key}: ${read.problem.message}`
}

describe('data-dir alone', () => {
  it.each([
    ['is relative to the file', 'data-dir: state', 'etc/state'],
    ['is `data` where nothing is said', '{}', 'etc/data'],
    ['is `data` in an empty file', '', 'etc/data'],
    ['is `data` where nothing stands behind it', 'data-dir:', 'etc/data'],
    [
      'needs no secrets',
      'credentials: { default: { username: a, password: "${UNSET}" } }\ndata-dir: state',
      'etc/state',
    ],
    ['needs no files', 'users-file: gone.yaml\ntrust: { known-hosts: gone }\ndata-dir: state', 'etc/state'],
    ['stands beside keys of another version', 'new-key: 1\ndata-dir: "state"\nlink: 7', 'etc/state'],
    ['may come by an alias', 'call-home: { x: &d state }\ndata-dir: *d', 'etc/state'],
    ['is found in YAML that is broken before it', 'users: [\n  - {a: b\ndata-dir: state # here\nlog: {}', 'etc/state'],
    ['is found in YAML that is broken behind it', "data-dir: 'state'\nusers: ]\n\tx: y", 'etc/state'],
  ])('%s', (_, text, dataDir) => {
    expect(dataDirOf(text)).toBe(join(cwd, dataDir))
  })

  it('is what `serve` would take, environment and .env included', () => {
    const text = 'data-dir: ${WHERE}/${WHAT:-data}'
    writeFileSync(join(cwd, 'etc/.env'), 'WHERE=/srv\n')
    expect(dataDirOf(text, { WHAT: 'x' })).toBe('/srv/x')
    const loaded = loadConfig({ path: 'etc/homeport.yaml', cwd, env: { WHAT: 'x' } })
    expect(loaded).toMatchObject({ ok: true, config: { dataDir: '/srv/x' } })
  })

  it.each([
    ['a variable that is not set', 'data-dir: ${UNSET}', 'data-dir: the environment variable UNSET is not set'],
    ['no path', 'data-dir: [a]', 'data-dir: expected a path'],
    ['a file of something else', '<config/>', expect.stringContaining('the file is no configuration')],
    ['a list', '- data-dir: x', expect.stringContaining('the file is no configuration')],
    ['an empty path', 'data-dir: ""', 'data-dir: expected a path'],
    [
      'broken YAML without it',
      'users: [\n  - {a: b',
      'data-dir: the YAML is broken, and no one line tells the data-dir',
    ],
    ['broken YAML with two', 'users: [\ndata-dir: a\ndata-dir: b', expect.stringContaining('the YAML is broken')],
  ])('is not made up for %s', (_, text, told) => {
    expect(dataDirOf(text)).toEqual(told)
  })
})
