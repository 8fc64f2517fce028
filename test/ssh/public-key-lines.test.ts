import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fingerprintOf, keyTypeOf, parsePublicKeyLine, publicKeyLine } from '../../src/ssh/public-key.js'
import { makeSshKey } from '../e2e/parts/ssh-keys.js'
import { makeTempDir, type TempDir } from '../e2e/parts/temp-dir.js'
import { growthOf, IN_PROPORTION } from '../support/growth.js'

let directory: TempDir
let line: string
beforeAll(async () => {
  directory = await makeTempDir('public-keys')
  line = (await makeSshKey(directory.path, 'ed25519', 'shared')).publicKey
})
afterAll(() => directory.remove())

describe('a public key as ssh-keygen writes it', () => {
  it.each(['ed25519', 'ecdsa', 'rsa'] as const)(
    'is read, and has the fingerprint of `ssh-keygen -l`: %s',
    async (type) => {
      const { path, publicKey } = await makeSshKey(directory.path, type)
      const parsed = parsePublicKeyLine(await readFile(`${path}.pub`, 'utf8'))
      expect(parsed.ok).toBe(true)
      if (!parsed.ok) return
      expect(publicKeyLine(parsed.key)).toBe(publicKey)
      const { stdout } = await promisify(execFile)('ssh-keygen', ['-l', '-f', join(directory.path, `id_${type}.pub`)])
      expect(stdout.split(' ')[1]).toBe(fingerprintOf(parsed.key.blob))
    },
  )
})

describe('a public key line', () => {
  it.each([
    ['without a comment', '', '', ''],
    ['with a comment', '', ' ops@site', 'ops@site'],
    ['with a comment of several words', '', ' the  key of\tops', 'the  key of\tops'],
    ['with a comment beyond ASCII', '', ' schlüssel', 'schlüssel'],
    ['with white space around', ' \t', '  comment \r\n', 'comment'],
    ['with a line end alone', '', '\n', ''],
  ])('%s is read', (_name, before, after, comment) => {
    expect(parsePublicKeyLine(before + line + after)).toMatchObject({ ok: true, key: { type: 'ssh-ed25519', comment } })
  })

  it('may have more than one space after its type', () => {
    expect(parsePublicKeyLine(line.replace(' ', ' \t '))).toMatchObject({ ok: true })
  })

  it.each([
    ['that is empty', () => ''],
    ['without base64', () => 'ssh-ed25519'],
    ['without a type', () => line.split(' ')[1] ?? ''],
    ['of another type than its key', () => line.replace('ssh-ed25519', 'ssh-rsa')],
    ['with a type in capitals', () => line.replace('ssh-ed25519', 'SSH-ED25519')],
    ['that is cut off within its type', () => line.slice(0, 'ssh-ed25519 AAAAC3Nz'.length)],
    ['whose key is its type alone', () => `ssh-ed25519 ${Buffer.from('0000000bssh-ed25519').toString('base64')}`],
    ['with other characters in its base64', () => `${line.slice(0, -3)}!!!`],
    ['with options before it', () => `no-pty ${line}`],
    ['that is a private key', () => '-----BEGIN OPENSSH PRIVATE KEY-----'],
  ])('%s is refused, and told how it should look', (_name, text) => {
    expect(parsePublicKeyLine(text())).toMatchObject({
      ok: false,
      failure: { reason: 'malformed-key-line', hint: expect.stringContaining('.pub') as string },
    })
  })

  // Expressions that may match the same spaces in two ways took minutes over this one.
  it('is refused in no time, also when a stranger wrote it', () => {
    const growth = growthOf(5_000, (size) => {
      const line = `ssh-rsa AAAA${' '.repeat(size)}x${' '.repeat(size)}\u2028y`
      return () => expect(parsePublicKeyLine(line).ok).toBe(false)
    })
    expect(growth).toBeLessThan(IN_PROPORTION)
  })
})

describe('the type of a key blob', () => {
  it.each([
    ['nothing', ''],
    ['three octets', '000000'],
    ['a length of nothing', '0000000041'],
    ['a length beyond its end', '0000000b7373'],
    ['a type and nothing after it', '0000000361626d'],
    ['a length of 4 GiB', 'ffffffff41'],
    ['a type of 65 octets', `00000041${'61'.repeat(70)}`],
  ])('is not known of %s', (_name, hex) => {
    expect(keyTypeOf(Buffer.from(hex, 'hex'))).toBeUndefined()
  })
})
