import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ParsedKey } from 'ssh2'
import { generatePrivateKey } from '../ssh/generate-private-key.js'
import { parsePrivateKey } from '../ssh/private-key.js'
import { fingerprintOf, publicKeyLine } from '../ssh/public-key.js'

/** The key by which a device proves who it is. */
export interface HostKey {
  readonly key: ParsedKey
  /** `type base64`, as in known_hosts and in the initiation sequence. */
  readonly publicLine: string
  /** `SHA256:…`, as OpenSSH prints it. */
  readonly fingerprint: string
}

/**
 * Reads a host key from OpenSSH or PEM text; without text, a fresh Ed25519 key.
 * @throws TypeError when the text is not a private key that can be read
 */
export function hostKeyOf(privateKeyText = generatePrivateKey('ed25519', 'simulated')): HostKey {
  const parsed = parsePrivateKey(privateKeyText)
  if (!parsed.ok) throw new TypeError(`host key: ${parsed.failure.message}; ${parsed.failure.hint}`)
  const blob = parsed.key.getPublicSSH()
  return {
    key: parsed.key,
    publicLine: publicKeyLine({ type: parsed.key.type, blob }),
    fingerprint: fingerprintOf(blob),
  }
}

/** The text of a device's host key in a directory, made on first use (mode 600, `.pub` beside it). */
export async function keptHostKey(directory: string, deviceId: string): Promise<string> {
  const file = join(directory, `${encodeURIComponent(deviceId)}.key`)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const fresh = generatePrivateKey('ed25519', deviceId.replace(/[^\w.@-]/g, '_'))
  try {
    await writeFile(file, fresh, { mode: 0o600, flag: 'wx' })
    await writeFile(`${file}.pub`, `${hostKeyOf(fresh).publicLine}\n`)
    return fresh
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown
    return await readFile(file, 'utf8')
  }
}
