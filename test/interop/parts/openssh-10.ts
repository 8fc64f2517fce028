import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type OpenSsh10, openSsh10 } from '../../e2e/parts/openssh-10.js'
import type { TempDir } from '../../e2e/parts/temp-dir.js'

let opened: Promise<OpenSsh10> | undefined

/** OpenSSH 10 in its directory of Debian 13, once for its trials on both sides. */
export function theOpenSsh10(): Promise<OpenSsh10> {
  opened ??= openSsh10()
  return opened
}

/** Whoever is done with both sides ends it. */
export async function endOpenSsh10(): Promise<void> {
  await (await opened)?.stop()
}

/** Its version, as `ssh -V` has it: `10.3p1`. */
export async function versionOfOpenSsh10(): Promise<string> {
  return /OpenSSH_(\S+)/.exec((await theOpenSsh10()).version)?.[1] ?? 'unknown'
}

/** A directory in there. */
export async function directoryInOpenSsh10(name: string): Promise<TempDir> {
  const path = await mkdtemp(join((await theOpenSsh10()).directory, `${name}-`))
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 }) }
}
