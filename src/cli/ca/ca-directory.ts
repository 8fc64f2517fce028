import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { ParsedKey } from 'ssh2'
import { readDataDir } from '../../config/data-dir.js'
import { findConfigFile } from '../../config/find-config.js'
import { formatProblem } from '../../config/problem.js'
import { loadPrivateKey } from '../../ssh/host-keys.js'
import { parsePublicKeyLine, type PublicKey } from '../../ssh/public-key.js'
import type { CommandIo } from '../command-io.js'
import { fileHint } from '../not-permitted.js'
import type { FailureText } from '../command-failure.js'

/**
 * The CAs of an operator: one signs keys of devices, another keys of whoever logs in to them, and that of a cluster
 * the keys by which its nodes know each other.
 */
export type CaRole = 'host' | 'user' | 'cluster'
/** Those that there are without a cluster. */
export const CA_ROLES: readonly CaRole[] = ['host', 'user']

export interface CaPlace {
  /** The directory, as the working directory has it. */
  readonly dir?: string
  /** The configuration file whose `data-dir` holds the directory otherwise. */
  readonly config?: string
}

/**
 * The CA's directory: the named one, or `ca` in the `data-dir` of the configuration that is found; undefined when
 * neither is there, which was told then.
 */
export function caDirectory({ dir, config }: CaPlace, io: CommandIo): string | undefined {
  if (dir !== undefined) return resolve(io.cwd, dir)
  const found = findConfigFile({ path: config, cwd: io.cwd, env: io.env })
  const read = found.ok ? readDataDir({ ...found, cwd: io.cwd, env: io.env }) : found
  if (read.ok) return defaultCaDirectory(read.dataDir)
  io.stderr.write(`${formatProblem(read.problem)}\nor name the directory of the CA with --dir\n`)
  io.exit(2)
  return undefined
}

export function defaultCaDirectory(dataDir: string): string {
  return join(dataDir, 'ca')
}

/** Named as in the manuals of OpenSSH and Junos. */
export function caFile(directory: string, role: CaRole): string {
  return join(directory, `${role}_ca`)
}

export type CaPublicKey =
  | { readonly ok: true; readonly key: PublicKey; readonly line: string }
  | { readonly ok: false; readonly problem: FailureText & { readonly missing: boolean } }

/** The public half of a CA. */
export async function readCaPublicKey(directory: string, role: CaRole): Promise<CaPublicKey> {
  const file = `${caFile(directory, role)}.pub`
  const failed = (message: string, hint: string, missing = false): CaPublicKey => ({
    ok: false,
    problem: { message: `${file}: ${message}`, hint, missing },
  })
  try {
    const line = (await readFile(file, 'utf8')).trim()
    const parsed = parsePublicKeyLine(line)
    return parsed.ok ? { ok: true, key: parsed.key, line } : failed(parsed.failure.message, parsed.failure.hint)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT'
      ? failed('there is no such file', `make the CA with ${initCommand(role)}, or name its directory with --dir`, true)
      : failed(`it cannot be read (${code ?? String(error)})`, fileHint(code, 'check its permissions'))
  }
}

function initCommand(role: CaRole): string {
  return role === 'cluster' ? '`homeport ca init --cluster`' : '`homeport ca init`'
}

export type CaPrivateKey =
  | { readonly ok: true; readonly key: ParsedKey }
  | { readonly ok: false; readonly problem: FailureText }

/** The private half of a CA; a passphrase that `ssh-keygen -p` gave it is read from HOMEPORT_CA_PASSPHRASE. */
export async function loadCaPrivateKey(directory: string, role: CaRole, env: CommandIo['env']): Promise<CaPrivateKey> {
  const file = caFile(directory, role)
  const loaded = await loadPrivateKey(file, env['HOMEPORT_CA_PASSPHRASE'])
  if (loaded.ok) return loaded
  const { reason: cause, message, hint } = loaded.failure
  const code = 'code' in loaded.failure ? loaded.failure.code : undefined
  const hints: Readonly<Partial<Record<typeof cause, string>>> = {
    'unreadable-file': fileHint(
      code,
      `make the CA with ${initCommand(role)}, or name its directory with --dir; its owner alone may read it`,
    ),
    'passphrase-needed': 'give its passphrase in the environment variable HOMEPORT_CA_PASSPHRASE',
  }
  return { ok: false, problem: { message: `${file}: ${message}`, hint: hints[cause] ?? hint } }
}
