import { randomUUID, X509Certificate } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { TlsFiles } from '../northbound/http/server/tls-material.js'
import type { Log } from '../telemetry/log.js'

/** Where the bridge keeps a certificate of its own. */
export function selfSignedFiles(dataDir: string): Pick<TlsFiles, 'certificate' | 'key'> {
  return { certificate: join(dataDir, 'http.crt'), key: join(dataDir, 'http.key') }
}

/** What a certificate of our own is for: the configured names, this host's, and the loopback address. */
export function selfSignedNames(names: readonly string[]): readonly string[] {
  return [...new Set([...names, hostname().toLowerCase(), 'localhost', '127.0.0.1', '::1'])]
}

/**
 * Makes the key and the certificate that are missing, and a new certificate in good time; the key stays. Throws what
 * writing throws.
 */
export async function keepSelfSigned(dataDir: string, names: readonly string[], log: Log): Promise<void> {
  const now = new Date()
  // Only who wants such a certificate pays for the library that makes it, at each start.
  const { generateTlsKey, signForItself, whyMadeAnew } = await import(
    '../northbound/http/server/self-signed-certificate.js'
  )
  const files = selfSignedFiles(dataDir)
  const stored = { key: await contentOf(files.key), certificate: await contentOf(files.certificate) }
  const why = stored.key === '' ? 'unreadable' : whyMadeAnew(stored, names, now)
  if (why === undefined) return
  // A certificate that expires or lacks a name leaves the key as it is.
  const key = why === 'unreadable' ? await generateTlsKey() : stored.key
  if (why === 'unreadable') await replace(files.key, key, 0o600)
  const certificate = signForItself(key, names, now)
  await replace(files.certificate, certificate, 0o644)
  const { fingerprint256, validTo } = new X509Certificate(certificate)
  log.warn(
    {
      file: files.certificate,
      names,
      fingerprint: fingerprint256,
      validTo,
      hint: 'clients that shall trust it need this file, as in HOMEPORT_CA_FILE or curl --cacert',
    },
    stored.certificate === '' ? 'certificate of its own made for HTTP' : 'certificate of its own renewed for HTTP',
  )
}

function contentOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
}

/** In one step, so that nobody ever reads half of it. */
async function replace(file: string, content: string, mode: number): Promise<void> {
  const beside = `${file}.${randomUUID()}`
  await writeFile(beside, content, { mode, flag: 'wx' })
  await rename(beside, file)
}
