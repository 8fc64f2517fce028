import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { certificateFileBeside } from '../../ssh/certificate-file.js'
import { type Certificate, certificateLine, FOREVER } from '../../ssh/certificate.js'
import { fingerprintOf, parsePublicKeyLine, type PublicKey } from '../../ssh/public-key.js'
import { signCertificate } from '../../ssh/sign-certificate.js'
import { type CaRole, loadCaPrivateKey } from './ca-directory.js'
import { type CertificateValidity, periodOf } from './certificate-validity.js'
import type { CommandIo } from '../command-io.js'
import { type FailureText, reportFailure } from '../command-failure.js'
import { fileHint } from '../not-permitted.js'

export interface SignOrder {
  readonly role: CaRole
  /** Where the CAs are. */
  readonly directory: string
  /** The time that the validity counts from. */
  readonly now: Date
  /** The public key file to certify, as named on the command line. */
  readonly file: string
  readonly principals: readonly string[]
  /** The first principal when not given. */
  readonly keyId?: string
  readonly validity: CertificateValidity
  /** Drawn by lot when not given, so that it can be revoked alone. */
  readonly serial?: bigint
  readonly criticalOptions?: Readonly<Record<string, string>>
  /** Where the certificate goes; beside the key as ssh-keygen names it when not given. */
  readonly out?: string
}

/** Signs a public key with one of the CAs and writes the certificate as `ssh-keygen -s` does. */
export async function signWithCa(order: SignOrder, io: CommandIo): Promise<void> {
  const { directory, now } = order
  const subject = await readSubject(resolve(io.cwd, order.file), order.file)
  if (!subject.ok) return reportFailure(io, subject.problem)
  const ca = await loadCaPrivateKey(directory, order.role, io.env)
  if (!ca.ok) return reportFailure(io, ca.problem)
  const principals = order.role === 'host' ? lowerCased(order.principals, io) : order.principals
  const { criticalOptions } = order
  const signed = signCertificate(ca.key, {
    role: order.role,
    key: subject.key.blob,
    keyId: order.keyId ?? principals[0] ?? '',
    principals,
    validity: periodOf(order.validity, now),
    serial: order.serial ?? randomSerial(),
    ...(criticalOptions === undefined ? {} : { criticalOptions }),
  })
  if (!signed.ok) {
    const { message, hint } = signed.failure
    return reportFailure(io, { message: `${order.file}: ${message}`, hint })
  }
  const out = order.out ?? certificateFileBeside(order.file.replace(/\.pub$/, ''))
  const written = await replaceFile(
    resolve(io.cwd, out),
    `${certificateLine(signed.certificate, subject.key.comment)}\n`,
  )
  if (written !== undefined)
    return reportFailure(io, {
      message: `${out}: cannot be written (${written})`,
      hint: fileHint(written, 'name another file with --out'),
    })
  io.stdout.write(summary(out, signed.certificate))
  io.exit(0)
}

type Subject = { readonly ok: true; readonly key: PublicKey } | { readonly ok: false; readonly problem: FailureText }

async function readSubject(path: string, shown: string): Promise<Subject> {
  const failed = (message: string, hint: string): Subject => ({
    ok: false,
    problem: { message: `${shown}: ${message}`, hint },
  })
  try {
    const text = await readFile(path, 'utf8')
    if (text.includes('PRIVATE KEY-----'))
      return failed('it is a private key', `sign the public half: ${shown}.pub; the private one stays where it is`)
    const parsed = parsePublicKeyLine(text)
    return parsed.ok ? parsed : failed(parsed.failure.message, parsed.failure.hint)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code ?? String(error)})`
    const bring = 'copy the .pub file of the key here, such as ssh_host_ed25519_key.pub of the device'
    return failed(why, fileHint(code, bring))
  }
}

/** OpenSSH lower-cases the name of a host before it looks for it among the principals. */
function lowerCased(principals: readonly string[], io: CommandIo): readonly string[] {
  const lower = principals.map((principal) => principal.toLowerCase())
  const changed = principals.filter((principal, index) => principal !== lower[index])
  if (changed.length > 0)
    io.stdout.write(
      'Written in lower case, because ssh looks for names of hosts that way: ' +
        `${changed.map((name) => name.toLowerCase()).join(', ')}\n`,
    )
  return [...new Set(lower)]
}

/** 63 bits, so that no tool takes it for a negative number, and never 0, which stands for none. */
function randomSerial(): bigint {
  return (randomBytes(8).readBigUInt64BE() >> 1n) | 1n
}

/** In one step, for the bridge reads a certificate again when it is renewed. Gives why not. */
async function replaceFile(path: string, content: string): Promise<string | undefined> {
  const unfinished = `${path}.${randomBytes(4).toString('hex')}`
  try {
    await writeFile(unfinished, content, { mode: 0o644, flag: 'wx' })
    await rename(unfinished, path)
    return undefined
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined)
    const { code } = error as NodeJS.ErrnoException
    return code ?? String(error)
  }
}

function summary(file: string, certificate: Certificate): string {
  const { role, key, keyId, principals, serial, validAfter, validBefore, ca, criticalOptions } = certificate
  const time = (seconds: bigint): string => new Date(Number(seconds) * 1000).toISOString()
  const options = [...criticalOptions].map(([name, data]) => `${name} ${data.toString('utf8', 4)}`)
  return [
    `${file}: ${role} certificate`,
    `  key         ${key.type} ${fingerprintOf(key.blob)}`,
    `  signed by   ${ca.type} ${fingerprintOf(ca.blob)}`,
    `  principals  ${principals.join(', ')}`,
    `  key id      ${JSON.stringify(keyId)}`,
    `  serial      ${serial}`,
    `  valid       ${validBefore === FOREVER ? 'always' : `${time(validAfter)} to ${time(validBefore)}`}`,
    ...(options.length === 0 ? [] : [`  only with   ${options.join(', ')}`]),
    '',
  ].join('\n')
}
