import { lstat, mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ParsedKey } from 'ssh2'
import { generatePrivateKeyAside } from './generate-private-key.js'
import { parsePrivateKey, type PrivateKeyFailure } from './private-key.js'

export type LoadedHostKeys =
  | { readonly ok: true; readonly keys: readonly ParsedKey[]; readonly generated: readonly string[] }
  | { readonly ok: false; readonly file: string; readonly failure: PrivateKeyFailure | UnreadableFile }

type UnreadableFile = {
  readonly reason: 'unreadable-file'
  readonly message: string
  readonly hint: string
  /** Of the operating system. */
  readonly code: string | undefined
}

/**
 * Ed25519 for those who know it, ECDSA for older Java and Perl clients that do not, and RSA for those that know no
 * other: last, because most who know it know a better one. It signs with SHA-2, unless `endpoint.ssh.legacy` has it
 * otherwise.
 */
const GENERATED_KEYS = [
  { type: 'ed25519', name: 'ssh_host_ed25519_key' },
  { type: 'ecdsa', name: 'ssh_host_ecdsa_key' },
  { type: 'rsa', name: 'ssh_host_rsa_key' },
] as const

/** The files of the host keys that the bridge makes for itself in its directory. */
export function ownHostKeyFiles(directory: string): readonly string[] {
  return GENERATED_KEYS.map(({ name }) => join(directory, name))
}

/**
 * The host keys that the bridge presents: the configured files, or its own ones in `directory`, which are made at the
 * first start (mode 600).
 * @returns also the files that were made just now
 */
export async function loadHostKeys(files: readonly string[], directory: string): Promise<LoadedHostKeys> {
  const generated: string[] = []
  if (files.length === 0) {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    for (const { type, name } of GENERATED_KEYS) {
      const file = join(directory, name)
      if (await createOnce(file, () => generatePrivateKeyAside(type, 'homeport'))) generated.push(file)
    }
  }
  const keys: ParsedKey[] = []
  for (const file of files.length > 0 ? files : ownHostKeyFiles(directory)) {
    const loaded = await loadPrivateKey(file)
    if (!loaded.ok) return { ok: false, file, failure: loaded.failure }
    keys.push(loaded.key)
  }
  return { ok: true, keys, generated }
}

/** Reads a private key file. */
export async function loadPrivateKey(
  file: string,
  passphrase?: string,
): Promise<
  | { readonly ok: true; readonly key: ParsedKey }
  | { readonly ok: false; readonly failure: PrivateKeyFailure | UnreadableFile }
> {
  try {
    return parsePrivateKey(await readFile(file, 'utf8'), passphrase)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return {
      ok: false,
      failure: {
        reason: 'unreadable-file',
        message: code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code ?? String(error)})`,
        hint: 'give a private key file that the user of the bridge may read',
        code,
      },
    }
  }
}

/**
 * Writes a file that only its owner may read, unless there is one. Another process that does the same at this moment is
 * no harm.
 */
async function createOnce(file: string, content: () => Promise<string>): Promise<boolean> {
  try {
    // Looked at first: to make an RSA key takes up to a second.
    if (await isThere(file)) return false
    const text = await content()
    const handle = await open(file, 'wx', 0o600)
    await handle.writeFile(text)
    await handle.close()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function isThere(file: string): Promise<boolean> {
  try {
    await lstat(file)
    return true
  } catch {
    return false
  }
}
