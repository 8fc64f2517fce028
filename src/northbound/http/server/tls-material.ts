import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'

/** PEM files of a TLS server. */
export interface TlsFiles {
  /** The certificate, then those between it and its CA. */
  readonly certificate: string
  readonly key: string
  /** Clients must show a certificate of one of these CAs. */
  readonly clientCa?: string
}

/** What a TLS server presents and trusts: a pair that was found to fit. */
export interface TlsMaterial {
  readonly cert: Buffer
  readonly key: Buffer
  readonly ca?: Buffer
  readonly leaf: X509Certificate
}

export type TlsReading =
  | { readonly ok: true; readonly material: TlsMaterial }
  | { readonly ok: false; readonly problem: { readonly message: string; readonly hint: string } }

/**
 * Reads the files of a TLS server and proves them: what TLS would not take, or no client could accept, is refused here.
 */
export async function readTlsMaterial(files: TlsFiles): Promise<TlsReading> {
  const read = async (file: string): Promise<Buffer> =>
    readFile(file).catch((error: NodeJS.ErrnoException) => {
      throw new Unusable(`${file} cannot be read (${error.code ?? error.message})`, 'check its permissions')
    })
  try {
    const cert = await read(files.certificate)
    const key = await read(files.key)
    const ca = files.clientCa === undefined ? undefined : await read(files.clientCa)
    const leaf = attempt(() => new X509Certificate(cert), `${files.certificate} holds no certificate in PEM`)
    const privateKey = attempt(
      () => createPrivateKey(key),
      `${files.key} holds no private key in PEM that can be read without a passphrase`,
    )
    if (!leaf.checkPrivateKey(privateKey))
      throw new Unusable(
        `${files.key} is not the key of ${files.certificate}`,
        'the certificate of the server stands first in its file',
      )
    if (ca !== undefined) attempt(() => new X509Certificate(ca), `${files.clientCa ?? ''} holds no certificate in PEM`)
    attempt(
      () => createSecureContext({ cert, key, ...(ca === undefined ? {} : { ca }) }),
      `TLS does not take ${files.certificate}`,
    )
    return { ok: true, material: { cert, key, leaf, ...(ca === undefined ? {} : { ca }) } }
  } catch (error) {
    if (error instanceof Unusable) return { ok: false, problem: { message: error.message, hint: error.hint } }
    throw error
  }
}

/** Whether two readings are of the same files' content. */
export function sameMaterial(a: TlsMaterial, b: TlsMaterial): boolean {
  const sameCa = a.ca === undefined || b.ca === undefined ? a.ca === b.ca : a.ca.equals(b.ca)
  return sameCa && a.cert.equals(b.cert) && a.key.equals(b.key)
}

class Unusable extends Error {
  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message)
  }
}

/** OpenSSL's own words never hold what was in the file, but they name no file either. */
function attempt<T>(work: () => T, message: string): T {
  try {
    return work()
  } catch (error) {
    throw new Unusable(
      `${message} (${(error as NodeJS.ErrnoException).code ?? 'malformed'})`,
      'PEM, as openssl writes it',
    )
  }
}
