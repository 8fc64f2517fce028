import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export type KeyType = 'rsa' | 'ecdsa' | 'ed25519'

export type SshKey = {
  readonly type: KeyType
  /**
   * Path of the private key, OpenSSH or PEM format, mode 600, no passphrase; the public key lies beside it as `.pub`.
   */
  readonly path: string
  /** `ssh-ed25519 AAAA…`, without a comment. */
  readonly publicKey: string
}

/**
 * Makes a key pair with ssh-keygen in `dir`. RSA keys have 2048 bits and take up to a second, the others milliseconds.
 */
export async function makeSshKey(dir: string, type: KeyType, name = `id_${type}`): Promise<SshKey> {
  const path = join(dir, name)
  // PEM is the one private key format that all of OpenSSH, libnetconf2 and ssh2 read; OpenSSH has none for Ed25519.
  const format = type === 'ed25519' ? [] : ['-m', 'PEM']
  await promisify(execFile)('ssh-keygen', [
    '-q',
    '-t',
    type,
    ...(type === 'rsa' ? ['-b', '2048'] : []),
    ...format,
    '-N',
    '',
    '-C',
    '',
    '-f',
    path,
  ])
  return { type, path, publicKey: (await readFile(`${path}.pub`, 'utf8')).trim() }
}
