import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.js'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'homeport-modes-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

function write(name: string, text: string, mode: number): void {
  writeFileSync(join(directory, name), text)
  chmodSync(join(directory, name), mode)
}

/** The warnings about what everybody may read, each as file, key and message. */
function warnings(env = { FROM_OUTSIDE: 'x' }): readonly string[] {
  const loaded = loadConfig({ path: 'homeport.yaml', cwd: directory, env })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.exposed.map(({ file, key, message }) => `${file} ${key} ${message.replace(/^.*\(/, '(')}`)
}

const withSecret = (secret: string) =>
  `devices: [{ id: r1, secret: ${secret} }]\ncredentials: { default: { username: u, password: "\${FROM_OUTSIDE}" } }\n`

describe('a file with secrets that everybody may read is warned of', () => {
  it('the configuration, where a secret is written into it', () => {
    write('homeport.yaml', withSecret('written-here'), 0o644)
    expect(warnings()).toEqual(['homeport.yaml devices.0.secret (mode 644)'])
    chmodSync(join(directory, 'homeport.yaml'), 0o640)
    expect(warnings()).toEqual([])
  })

  it('not the configuration whose secrets come from elsewhere', () => {
    write('homeport.yaml', withSecret('"${FROM_OUTSIDE}"'), 0o644)
    expect(warnings()).toEqual([])
  })

  it('the URL of a database, where a password is written into it, and the key that seals', () => {
    const cluster = (database: string, key = '${FROM_OUTSIDE}') =>
      `cluster: { node: a, database: "${database}", secret-key: "${key}" }\n`
    const load = (text: string): readonly string[] => {
      write('homeport.yaml', text, 0o644)
      return warnings({ FROM_OUTSIDE: Buffer.alloc(32).toString('base64') })
    }
    expect(load(cluster('postgres://homeport:hunter2@h/d'))).toEqual(['homeport.yaml cluster.database (mode 644)'])
    expect(load(cluster('postgres://homeport@h/d', 'A'.repeat(43)))).toEqual([
      'homeport.yaml cluster.secret-key (mode 644)',
    ])
    expect(load(cluster('postgres://homeport:${FROM_OUTSIDE}@h/d'))).toEqual([])
    expect(load(cluster('postgres://homeport@h/d'))).toEqual([])
  })

  it('.env, and private keys', () => {
    write('.env', 'A=b\n', 0o604)
    write('key', 'x', 0o644)
    write('homeport.yaml', 'endpoint: { ssh: { host-keys: [key] } }\n', 0o644)
    expect(warnings()).toEqual(['.env  (mode 604)', 'key endpoint.ssh.host-keys (mode 644)'])
    chmodSync(join(directory, '.env'), 0o600)
    chmodSync(join(directory, 'key'), 0o600)
    expect(warnings()).toEqual([])
  })
})
