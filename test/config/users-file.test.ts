import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type LoadedConfig, loadConfig } from '../../src/config/load.js'
import { formatProblem } from '../../src/config/problem.js'
import { ED25519 } from './keys.js'

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'homeport-users-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

const main = `users-file: ../users/users.yaml
users: [{ name: ops, authorized-keys: ["${ED25519}"], roles: [operator] }]
credentials: { default: { username: a, password: b } }
devices: [{ id: router1, host-keys: ["${ED25519}"] }]
`

function write(name: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(join(cwd, name)), { recursive: true })
  writeFileSync(join(cwd, name), content)
  chmodSync(join(cwd, name), mode)
}

/** The configuration with this users file. */
function loadedWith(users: string, env: Record<string, string> = {}, mode = 0o644): LoadedConfig {
  write('config/homeport.yaml', main)
  write('users/users.yaml', users, mode)
  return loadConfig({ cwd, env })
}

const told = (loaded: LoadedConfig): readonly string[] =>
  (loaded.ok ? loaded.warnings : loaded.problems).map((problem) => formatProblem(problem).split('\n')[0] ?? '')

describe('a users file', () => {
  it('adds its users to those of the configuration, and may use the environment', () => {
    const loaded = loadedWith(
      `users:\n  - { name: \${WHO}, authorized-keys: ["${ED25519}"], roles: [operator], device: router1 }\n`,
      {
        WHO: 'carol',
      },
    )
    expect(told(loaded)).toEqual([])
    expect(loaded.ok && loaded.config.users.map(({ name }) => name)).toEqual(['ops', 'carol'])
  })

  it.each(['', 'users:\n', 'users: []\n', '# nobody yet\n'])('may be empty: %j', (users) => {
    const loaded = loadedWith(users)
    expect(loaded.ok && loaded.config.users).toHaveLength(1)
  })

  it.each([
    [
      'users: [{ name: OPS, roles: [operator] }]',
      'users/users.yaml:1:11: users[0].name: the user `OPS` is in the configuration already',
    ],
    [
      'users:\n- { name: a, roles: [operator] }\n- { name: a, roles: [operator] }',
      'users/users.yaml:3:5: users[1].name: a second user name `a`, the first is on line 2',
    ],
    [
      'users: [{ name: a, roles: [oprator] }]',
      'users/users.yaml:1:28: users[0].roles[0]: unknown role `oprator`; did you mean `operator`?',
    ],
    [
      'users: [{ name: a, device: router2 }]',
      'users/users.yaml:1:20: users[0].device: unknown device `router2`; did you mean `router1`?',
    ],
    [
      'users: [{ name: a, password: b }]',
      'users/users.yaml:1:20: users[0].password: unknown key `password`; did you mean `password-hash`?',
    ],
    ['roles: {}', 'users/users.yaml:1:1: roles: unknown key `roles`'],
    ['users: [', 'users/users.yaml:1:9: wrong indentation, or a { or [ that is not closed'],
    ['- a', 'users/users.yaml: expected keys and values, found a list'],
    ['users: [{ name: "${NONE}" }]', 'users/users.yaml:1:11: users[0].name: the environment variable NONE is not set'],
  ])('with something wrong is told at its place: %s', (users, problem) => {
    expect(told(loadedWith(users))).toEqual([problem])
  })

  it('that is not there is told by the key that names it', () => {
    write('config/homeport.yaml', main)
    expect(told(loadConfig({ cwd, env: {} }))).toEqual([
      expect.stringMatching(
        /^config\/homeport\.yaml:1:1: users-file: .*\/users\/users\.yaml cannot be read \(ENOENT\)$/,
      ),
    ])
  })

  it.each([
    [0o664, '664'],
    [0o646, '646'],
  ])('that others may write is warned about: %o', (mode, shown) => {
    expect(told(loadedWith('users: []', {}, mode))).toEqual([
      `users/users.yaml: others than its owner may write it (mode ${shown}), and so give rights to anybody`,
    ])
  })

  it('has the doubts about its users told too', () => {
    expect(told(loadedWith('users:\n  - name: a\n'))).toEqual([
      'users/users.yaml:2:5: users[0]: this user has neither password nor key, and can act by tokens alone',
      'users/users.yaml:2:5: users[0]: this user may open no device',
    ])
  })

  it('is read again alone, against the same configuration', () => {
    const loaded = loadedWith('users: []')
    const file = loaded.ok ? loaded.usersFile : undefined
    expect(file?.path).toBe(join(cwd, 'users/users.yaml'))
    write('users/users.yaml', `users: [{ name: carol, authorized-keys: ["${ED25519}"], roles: [operator] }]`)
    const again = file?.load()
    expect(again?.ok && again.users.map(({ name }) => name)).toEqual(['ops', 'carol'])
    write('users/users.yaml', 'users: [{ name: carol, roles: [admin] }]')
    const broken = file?.load()
    expect(broken?.ok === false && broken.problems).toMatchObject([
      { file: 'users/users.yaml', line: 1, key: 'users[0].roles[0]', hint: 'the configuration defines operator' },
    ])
    rmSync(join(cwd, 'users/users.yaml'))
    const gone = file?.load()
    expect(gone?.ok === false && gone.problems).toMatchObject([{ message: 'there is no such file' }])
  })
})
