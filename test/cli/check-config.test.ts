import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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
    writeFileSync(join(cwd, 'config/homeport.yaml'), valid, { mode: 0o600 })
    expect(await check()).toMatchObject({
      stdout: 'config/homeport.yaml: ok (2 devices, 1 user)\n',
      stderr:
        'config/homeport.yaml:4:9: users[0]: warning: this user has neither password nor key, and can act by tokens alone\n    that is right for a program over HTTP; else add `password-hash` or `authorized-keys`, or let certificates in with `endpoint.ssh.trusted-user-ca-keys`\n',
      status: 0,
    })
  })

  it('takes the short name of its option, as other commands do', async () => {
    writeFileSync(join(cwd, 'my.yaml'), valid, { mode: 0o600 })
    expect(await check('-c', 'my.yaml')).toMatchObject({ stdout: 'my.yaml: ok (2 devices, 1 user)\n', status: 0 })
  })

  it('warns of each file with secrets that everybody may read, with the command that mends it', async () => {
    const config = `credentials:
  default: { username: netconf, private-key: "the key", password: x }
  other: { username: netconf, private-key: "the key" }
`
    writeFileSync(join(cwd, '-my.yaml'), config)
    writeFileSync(join(cwd, 'the key'), 'x')
    writeFileSync(join(cwd, '.env'), 'A=secret-of-the-environment\n')
    for (const name of ['-my.yaml', 'the key', '.env']) chmodSync(join(cwd, name), 0o644)
    const exposed = await check('--config=-my.yaml')
    expect(exposed).toMatchObject({ stdout: '-my.yaml: ok (0 devices, 0 users)\n', status: 0 })
    const everybody = 'and everybody on this machine may read it (mode 644)'
    expect(exposed.stderr.match(/^.*chmod.*$/gm)).toEqual([
      `-my.yaml: credentials.default.password: warning: the file has a secret in it, ${everybody}: chmod o-rwx -- -my.yaml`,
      `.env: warning: secrets are in it, ${everybody}: chmod o-rwx .env`,
      `the key: credentials.default.private-key: warning: it is a private key, ${everybody}: chmod o-rwx 'the key'`,
    ])
    const commands = exposed.stderr.match(/chmod .*/g) ?? []
    for (const command of commands) execFileSync('sh', ['-c', command], { cwd })
    expect((await check('--config=-my.yaml')).stderr).not.toContain('may read')
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

  it('is not content without a file, and says where it has looked', async () => {
    const none = await check()
    expect(none).toMatchObject({ stdout: '', status: 2 })
    for (const place of [join(cwd, 'config/homeport.yaml'), join(cwd, 'homeport.yaml'), '/etc/homeport/homeport.yaml'])
      expect(none.stderr).toContain(place)
    const json = await check('--json')
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, problems: [{ message: expect.any(String) as string }] })
    expect(json.status).toBe(2)
  })

  it('names the file that it has found', async () => {
    writeFileSync(join(cwd, 'homeport.yaml'), valid, { mode: 0o600 })
    expect(await check()).toMatchObject({ stdout: 'homeport.yaml: ok (2 devices, 1 user)\n', status: 0 })
  })

  it('warns of a file that the bridge as a service could not read, where one may see that', async () => {
    chmodSync(cwd, 0o755)
    mkdirSync(join(cwd, 'state'))
    const isRoot = process.getuid?.() === 0
    if (isRoot) chownSync(join(cwd, 'state'), 54_321, 54_321)
    writeFileSync(join(cwd, 'key'), 'x', { mode: 0o600 })
    const config = 'credentials: { default: { username: netconf, private-key: key } }\ndata-dir: state\n'
    writeFileSync(join(cwd, 'homeport.yaml'), config, { mode: 0o644 })
    const { stderr, status, stdout } = await check()
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'homeport.yaml: ok (0 devices, 0 users)\n' })
    expect(stderr.match(/^.*may not read it.*$/gm) ?? []).toEqual(
      isRoot
        ? [
            `${cwd}/key: warning: uid 54321, as whom the bridge runs, may not read it: ` +
              `sudo chgrp 54321 ${cwd}/key && sudo chmod g+r ${cwd}/key`,
          ]
        : [],
    )
    expect(JSON.parse((await check('--json')).stdout)).toMatchObject({
      unreadable: isRoot ? [{ file: `${cwd}/key` }] : [],
    })
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
