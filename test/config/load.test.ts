import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { annotatedExample } from '../../src/config/annotated-example.js'
import { type LoadedConfig, loadConfig } from '../../src/config/load.js'
import { formatProblem } from '../../src/config/problem.js'

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'homeport-config-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

function write(name: string, content: string | Buffer): void {
  mkdirSync(dirname(join(cwd, name)), { recursive: true })
  writeFileSync(join(cwd, name), content)
}

function printed(loaded: LoadedConfig): readonly string[] {
  return loaded.ok ? [] : loaded.problems.map(formatProblem)
}

const account = (password: string): string => `credentials: { default: { username: a, password: ${password} } }\n`

function passwordOf(loaded: LoadedConfig): string | undefined {
  return loaded.ok ? loaded.config.credentials.get('default')?.password : undefined
}

describe('the file', () => {
  it('is config/homeport.yaml when nobody names one', () => {
    write('config/homeport.yaml', 'link: { max-sessions: 3 }')
    expect(loadConfig({ cwd, env: {} })).toMatchObject({
      ok: true,
      file: 'config/homeport.yaml',
      config: { link: { maxSessions: 3 }, dataDir: join(cwd, 'config/data') },
    })
  })

  it('that was named must exist', () => {
    expect(printed(loadConfig({ path: 'other.yaml', cwd, env: {} }))).toEqual([
      `other.yaml: there is no such file\n    name another with --config, or start from ${annotatedExample('/')}`,
    ])
    expect(printed(loadConfig({ path: '.', cwd, env: {} }))).toEqual(['.: is a directory\n    name the file in it'])
  })

  it('is UTF-8, with or without a mark', () => {
    write('bom.yaml', '\uFEFFlog: { level: debug, x: 1 }')
    expect(printed(loadConfig({ path: 'bom.yaml', cwd, env: {} }))[0]).toMatch(/^bom\.yaml:1:22: log\.x: /)
    write('latin1.yaml', Buffer.from('data-dir: caf\u00e9', 'latin1'))
    expect(printed(loadConfig({ path: 'latin1.yaml', cwd, env: {} }))[0]).toMatch(/^latin1\.yaml: is not UTF-8/)
  })

  it('names other files relative to itself', () => {
    write('etc/keys/id', 'key')
    write(
      'etc/homeport.yaml',
      'credentials: { a: { username: a, private-key: keys/id } }\nendpoint: { ssh: { host-keys: [keys/id] } }',
    )
    const loaded = loadConfig({ path: 'etc/homeport.yaml', cwd, env: {} })
    expect(loaded.ok && loaded.config.credentials.get('a')?.privateKey).toBe(join(cwd, 'etc/keys/id'))
    expect(loaded.ok && loaded.config.endpoint.ssh.hostKeys).toEqual([join(cwd, 'etc/keys/id')])
  })
})

describe('.env', () => {
  it('of the working directory, then of the file, after the environment', () => {
    write('config/homeport.yaml', account('${A}-${B}-${C}'))
    write('.env', 'A=cwd\nB=cwd\n')
    write('config/.env', 'A=beside\nB=beside\nC="be side"\n')
    expect(passwordOf(loadConfig({ cwd, env: { A: 'real' } }))).toBe('real-cwd-be side')
  })

  it('does not hide a NAME_FILE of the real environment', () => {
    write('config/homeport.yaml', account('${A}'))
    write('config/secret', 'from a file\n')
    write('.env', 'A=cwd\n')
    expect(passwordOf(loadConfig({ cwd, env: { A_FILE: 'secret' } }))).toBe('from a file')
  })

  it('leaves the process environment alone', () => {
    write('.env', 'HOMEPORT_TEST_ONLY=1\n')
    loadConfig({ cwd, env: {} })
    expect(process.env['HOMEPORT_TEST_ONLY']).toBeUndefined()
  })

  it('may be a directory of somebody else', () => {
    mkdirSync(join(cwd, '.env'))
    write('homeport.yaml', '')
    expect(loadConfig({ cwd, env: {} }).ok).toBe(true)
  })
})
