import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export type TlsPair = { readonly certificate: string; readonly key: string }

export type TlsAuthority = {
  /** Its certificate, for whoever shall trust it. */
  readonly certificate: string
  /** Issues a certificate for names such as `DNS:localhost`, into files of this name. */
  readonly issue: (file: string, names: readonly string[]) => Promise<TlsPair>
}

/** A certificate authority made by openssl, with its files in `directory`. */
export async function makeTlsAuthority(directory: string, name: string): Promise<TlsAuthority> {
  const pair = (file: string): TlsPair => ({
    certificate: join(directory, `${file}.crt`),
    key: join(directory, `${file}.key`),
  })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const ca = pair(name)
  const self = ['-x509', '-days', '2', '-subj', `/CN=${name}`, '-addext', 'basicConstraints=critical,CA:TRUE']
  await run('openssl', ['req', ...key, ...self, '-keyout', ca.key, '-out', ca.certificate])
  const issue: TlsAuthority['issue'] = async (file, names) => {
    const issued = pair(file)
    const request = join(directory, `${file}.csr`)
    const extensions = join(directory, `${file}.ext`)
    await writeFile(extensions, `subjectAltName=${names.join(',')}\nbasicConstraints=CA:FALSE\n`)
    await run('openssl', ['req', '-new', ...key, '-subj', `/CN=${file}`, '-keyout', issued.key, '-out', request])
    const signer = ['-CA', ca.certificate, '-CAkey', ca.key, '-days', '2', '-extfile', extensions]
    await run('openssl', ['x509', '-req', '-in', request, ...signer, '-out', issued.certificate])
    return issued
  }
  return { certificate: ca.certificate, issue }
}
