import { readFile } from 'node:fs/promises'
import { type Certificate, type CertificateFailure, parseCertificateLine } from './certificate.js'

export type LoadedCertificate =
  | { readonly ok: true; readonly certificate: Certificate }
  | { readonly ok: false; readonly failure: CertificateFailure | UnreadableCertificateFile }

export type UnreadableCertificateFile = {
  readonly reason: 'no-such-file' | 'unreadable-file'
  readonly message: string
  readonly hint: string
}

/** Where `ssh-keygen -s` puts the certificate of a private key file, and where ssh looks for it. */
export function certificateFileBeside(privateKeyFile: string): string {
  return `${privateKeyFile}-cert.pub`
}

/** Reads a `-cert.pub` file, which holds one line. */
export async function loadCertificate(file: string): Promise<LoadedCertificate> {
  try {
    return parseCertificateLine(await readFile(file, 'utf8'))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const missing = code === 'ENOENT'
    return {
      ok: false,
      failure: {
        reason: missing ? 'no-such-file' : 'unreadable-file',
        message: missing ? 'there is no such file' : `it cannot be read (${code ?? String(error)})`,
        hint: 'give a certificate made by `ssh-keygen -s`, which the user of the bridge may read',
      },
    }
  }
}
