import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ParsedKey } from 'ssh2'
import { type Certificate, parseCertificateLine } from '../../src/ssh/certificate.js'
import { parsePrivateKey } from '../../src/ssh/private-key.js'
import { parsePublicKeyLine, type PublicKey } from '../../src/ssh/public-key.js'

export const keyKinds = ['ed25519', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'rsa'] as const
export type KeyKind = (typeof keyKinds)[number]

/** A key pair that ssh-keygen made; `path` is the private key's file. */
export interface KeyPair {
  readonly kind: KeyKind
  readonly path: string
  readonly line: string
  readonly publicKey: PublicKey
  readonly privateKey: ParsedKey
}

/** A directory of keys and certificates, all made by the real ssh-keygen. */
export interface KeyRoom {
  readonly directory: string
  /** A key pair; made once for each name and kind. */
  readonly key: (name: string, kind?: KeyKind) => Promise<KeyPair>
  /**
   * Certifies with `ssh-keygen -s`, by default for the user `netops` from now on for an hour. The file is `path` of the
   * key with `-cert.pub`.
   */
  readonly certify: (ca: KeyPair, key: KeyPair, options?: readonly string[]) => Promise<Certificate>
  /** Runs ssh-keygen and gives what it printed. */
  readonly run: (...args: readonly string[]) => Promise<string>
  readonly write: (name: string, content: string | Buffer) => Promise<string>
  readonly remove: () => Promise<void>
}

const run = promisify(execFile)

export async function makeKeyRoom(): Promise<KeyRoom> {
  const directory = await mkdtemp(join(tmpdir(), 'homeport-keys-'))
  const pairs = new Map<string, Promise<KeyPair>>()
  const keygen = async (...args: readonly string[]): Promise<string> => (await run('ssh-keygen', args)).stdout
  return {
    directory,
    run: keygen,
    key: (name, kind = 'ed25519') => {
      const path = join(directory, `${name}_${kind}`)
      const pair = pairs.get(path) ?? makePair(keygen, path, kind)
      pairs.set(path, pair)
      return pair
    },
    certify: async (ca, key, options = ['-n', 'netops', '-V', '-1m:+1h']) => {
      await keygen('-q', '-s', ca.path, '-I', 'test', ...options, `${key.path}.pub`)
      return certificateIn(await readFile(`${key.path}-cert.pub`, 'utf8'))
    },
    write: async (name, content) => {
      const path = join(directory, name)
      await writeFile(path, content, { mode: 0o600 })
      return path
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  }
}

/** The certificate of a line, which must be one. */
export function certificateIn(line: string): Certificate {
  const parsed = parseCertificateLine(line)
  if (!parsed.ok) throw new Error(parsed.failure.message)
  return parsed.certificate
}

async function makePair(keygen: KeyRoom['run'], path: string, kind: KeyKind): Promise<KeyPair> {
  const [type = '', bits] = kind.split('-')
  const size = kind === 'rsa' ? '2048' : bits
  await keygen('-q', '-t', type, ...(size === undefined ? [] : ['-b', size]), '-N', '', '-C', kind, '-f', path)
  const line = (await readFile(`${path}.pub`, 'utf8')).trim()
  const publicKey = parsePublicKeyLine(line)
  const privateKey = parsePrivateKey(await readFile(path, 'utf8'))
  if (!publicKey.ok || !privateKey.ok) throw new Error(`ssh-keygen made a ${kind} key that cannot be read`)
  return { kind, path, line, publicKey: publicKey.key, privateKey: privateKey.key }
}
