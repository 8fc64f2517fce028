import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generatePrivateKeyAside } from '../../src/ssh/generate-private-key.js'

/** The RSA host key of all bridges of tests: to make one for each would take longer than most tests. */
const RSA_KEY = fileURLToPath(new URL('../.build/ssh_host_rsa_key', import.meta.url))

/** Gives a bridge that has not started yet its RSA host key, unless it has one. */
export async function giveRsaHostKey(dataDirectory: string): Promise<void> {
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 })
  const file = join(dataDirectory, 'ssh_host_rsa_key')
  await writeFile(file, await rsaKey(), { mode: 0o600, flag: 'wx' }).catch(() => undefined)
}

async function rsaKey(): Promise<string> {
  try {
    return await readFile(RSA_KEY, 'utf8')
  } catch {
    const text = await generatePrivateKeyAside('rsa', 'homeport')
    // Renamed, so that nobody reads half of it.
    await mkdir(dirname(RSA_KEY), { recursive: true })
    await writeFile(`${RSA_KEY}.${process.pid}`, text, { mode: 0o600 })
    await rename(`${RSA_KEY}.${process.pid}`, RSA_KEY)
    return text
  }
}
