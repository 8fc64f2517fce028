import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkConfigCommand } from '../../src/cli/check-config.js'
import { recordedIo } from './recorded-io.js'

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'homeport-check-'))
  mkdirSync(join(cwd, 'config'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

async function check(...args: readonly string[]) {
  const { io, output } = recordedIo({ cwd, env: { SECRET: 's' } })
  await checkConfigCommand(io).parseAsync(args, { from: 'user' })
  return output
}

const valid = `
credentials: { default: { username: netconf, password: x } }
devices: [{ id: a, secret: "\${SECRET}1" }, { id: b, secret: "\${SECRET}2" }]
users: [{ name: ops, roles: [operator] }]
`

describe('check-config', () => {
  it('counts what is there, and warns', async () => {
    writeFileSync(join(cwd, 'config/homeport.yaml'), valid)
    expect(await check()).toMatchObject({
      stdout: 'config/homeport.yaml: ok (2 devices, 1 user)\n',
      stderr:
        'config/homeport.yaml:4:9: users[0]: warning: this user can never log in\n    add `password-hash` or `authorized-keys`, or let certificates in with `endpoint.ssh.trusted-user-ca-keys`\n',
      status: 0,
    })
  })

  it('checks the file it is told to', async () => {
    writeFileSync(join(cwd, 'other.yaml'), 'endpoint:\n  ssh:\n    port: x\nlog: 1\n')
    expect(await check('--config', 'other.yaml')).toMatchObject({
      stdout: '',
      stderr:
        'other.yaml:3:5: endpoint.ssh.port: expected a whole number from 0 to 65535\n' +
        'other.yaml:4:1: log: expected keys and values, found a single value\n',
      status: 2,
    })
  })

  it('is content without a file', async () => {
    expect(await check()).toMatchObject({ stdout: 'built-in defaults: ok (0 devices, 0 users)\n', status: 0 })
  })

  it('speaks JSON', async () => {
    writeFileSync(join(cwd, 'config/homeport.yaml'), valid)
    chmodSync(join(cwd, 'config/homeport.yaml'), 0o644)
    const good = await check('--json')
    expect(JSON.parse(good.stdout)).toMatchObject({
      ok: true,
      file: 'config/homeport.yaml',
      devices: 2,
      users: 1,
      warnings: [{ line: 4, column: 9, key: 'users[0]' }],
      exposed: [{ file: 'config/homeport.yaml', key: 'credentials.default.password' }],
    })
    const bad = await check('--json', '--config', 'none.yaml')
    expect(JSON.parse(bad.stdout)).toMatchObject({ ok: false, problems: [{ file: 'none.yaml', key: '' }] })
    expect([good.status, bad.status, good.stderr, bad.stderr]).toEqual([0, 2, '', ''])
  })
})
