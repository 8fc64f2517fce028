import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generatePrivateKey } from '../../src/ssh/generate-private-key.js'
import { parsePrivateKey } from '../../src/ssh/private-key.js'
import { publicKeyLine } from '../../src/ssh/public-key.js'
import { makeTempDir, type TempDir } from '../e2e/parts/temp-dir.js'

const passphrase = 'öpen sesame 123'

let directory: TempDir
beforeAll(async () => {
  directory = await makeTempDir('private-keys')
})
afterAll(() => directory.remove())

type Form = 'openssh' | 'pem'

let made = 0

/** A key that ssh-keygen made: its text and the line of its public half. */
async function keygen(type: 'ed25519' | 'ecdsa' | 'rsa', form: Form, protectedBy: string) {
  const path = join(directory.path, `key-${(made += 1)}`)
  const size = type === 'rsa' ? ['-b', '1024'] : []
  const format = form === 'pem' ? ['-m', 'PEM'] : []
  // Small keys and few rounds of key derivation, as tests need not resist anybody.
  await promisify(execFile)('ssh-keygen', [
    '-q',
    '-t',
    type,
    ...size,
    ...format,
    '-a',
    '1',
    '-C',
    '',
    '-N',
    protectedBy,
    '-f',
    path,
  ])
  return { text: await readFile(path, 'utf8'), publicKey: (await readFile(`${path}.pub`, 'utf8')).trim() }
}

// Ed25519 has no PEM form in OpenSSH.
const forms = [
  ['ed25519', 'openssh'],
  ['ecdsa', 'openssh'],
  ['rsa', 'openssh'],
  ['ecdsa', 'pem'],
  ['rsa', 'pem'],
] as const

describe('a private key of ssh-keygen', () => {
  it.each(forms)('is read: %s in %s form', async (type, form) => {
    const { text, publicKey } = await keygen(type, form, '')
    const parsed = parsePrivateKey(text)
    expect(parsed.ok && publicKeyLine({ type: parsed.key.type, blob: parsed.key.getPublicSSH() })).toBe(publicKey)
    // A passphrase that nobody asked for is no harm, and Windows' line ends are none.
    expect(parsePrivateKey(text, passphrase).ok).toBe(true)
    expect(parsePrivateKey(text.replaceAll('\n', '\r\n')).ok).toBe(true)
  })

  it.each(forms)('is read with its passphrase and with no other: %s in %s form', async (type, form) => {
    const { text, publicKey } = await keygen(type, form, passphrase)
    const parsed = parsePrivateKey(text, passphrase)
    expect(parsed.ok && publicKeyLine({ type: parsed.key.type, blob: parsed.key.getPublicSSH() })).toBe(publicKey)
    expect(parsePrivateKey(text)).toMatchObject({
      ok: false,
      failure: { reason: 'passphrase-needed', message: 'the key is encrypted' },
    })
    for (const wrong of ['wrong-guess-1', 'wrong-guess-2', 'wrong-guess-3']) {
      const refused = parsePrivateKey(text, wrong)
      expect(refused).toMatchObject({
        ok: false,
        failure: { reason: 'passphrase-needed', message: 'the passphrase does not fit the key' },
      })
      expect(JSON.stringify(refused)).not.toContain(wrong)
    }
  })
})

describe('what is no private key', () => {
  it('is told when it is the public half', async () => {
    const { publicKey } = await keygen('ed25519', 'openssh', '')
    expect(parsePrivateKey(publicKey)).toMatchObject({
      failure: { reason: 'not-a-private-key', hint: expect.stringContaining('.pub') as string },
    })
  })

  it.each([
    ['nothing', ''],
    ['any text', 'hello'],
    ['a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
    ['an OpenSSH key without content', '-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n'],
    [
      'an OpenSSH key of other octets',
      '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n',
    ],
    ['a PEM key of other octets', '-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n'],
  ])('is told when it is %s', (_name, text) => {
    expect(parsePrivateKey(text)).toMatchObject({ ok: false, failure: { reason: 'malformed-private-key' } })
  })

  it('is told when it was cut off anywhere', () => {
    const text = generatePrivateKey('ed25519', 'cut')
    for (let length = 0; length < text.length - 1; length += 7)
      expect(parsePrivateKey(text.slice(0, length))).toMatchObject({ ok: false })
  })
})
