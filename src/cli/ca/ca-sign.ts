import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { certificateFileBeside } from '../../ssh/certificate-file.js'
import { type Certificate, certificateLine, type CertificateRole, FOREVER } from '../../ssh/certificate.js'
import { fingerprintOf, parsePublicKeyLine, type PublicKey } from '../../ssh/public-key.js'
import { type CertificateRequest, signCertificate } from '../../ssh/sign-certificate.js'
import { type CaRole, loadCaPrivateKey } from './ca-directory.js'
import { type CertificateValidity, periodOf } from './certificate-validity.js'
import type { CommandIo } from '../command-io.js'
import { type FailureText, reportFailure } from '../command-failure.js'
import { fileHint } from '../not-permitted.js'

export interface SignOrder {
  /** Which CA signs. */
  readonly ca: CaRole
  /** What certificates are made: one file has them all, a line each. */
  readonly roles: readonly CertificateRole[]
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
  /** Of a user certificate; those of ssh-keygen when not given. */
  readonly extensions?: readonly string[]
  /** What is wrong with signing this key, if anything. */
  readonly objectTo?: (key: PublicKey) => FailureText | undefined
  /** Where the certificate goes; beside the key as ssh-keygen names it when not given. */
  readonly out?: string
}

/** Signs a public key with one of the CAs and writes the certificate as `ssh-keygen -s` does. */
export async function signWithCa(order: SignOrder, io: CommandIo): Promise<void> {
  const { directory } = order
  const failed = ({ message, hint }: FailureText): void =>
    reportFailure(io, { message: `${order.file}: ${message}`, hint })
  const subject = await readSubject(resolve(io.cwd, order.file), order.file)
  if (!subject.ok) return reportFailure(io, subject.problem)
  const objection = order.objectTo?.(subject.key)
  if (objection !== undefined) return failed(objection)
  const ca = await loadCaPrivateKey(directory, order.ca, io.env)
  if (!ca.ok) return reportFailure(io, ca.problem)
  const certificates: Certificate[] = []
  for (const role of order.roles) {
    const signed = signCertificate(ca.key, requestOf(order, { role, key: subject.key }, io))
    if (!signed.ok) return failed(signed.failure)
    certificates.push(signed.certificate)
  }
  const out = order.out ?? certificateFileBeside(order.file.replace(/\.pub$/, ''))
  const lines = certificates.map((certificate) => `${certificateLine(certificate, subject.key.comment)}\n`)
  const written = await replaceFile(resolve(io.cwd, out), lines.join(''))
  if (written !== undefined)
    return reportFailure(io, {
      message: `${out}: cannot be written (${written})`,
      hint: fileHint(written, 'name another file with --out'),
    })
  io.stdout.write(certificates.map((certificate) => summary(out, certificate)).join(''))
  io.exit(0)
}

function requestOf(
  order: SignOrder,
  { role, key }: { readonly role: CertificateRole; readonly key: PublicKey },
  io: CommandIo,
): CertificateRequest {
  const principals = role === 'host' ? lowerCased(order.principals, io) : order.principals
  const { criticalOptions, extensions } = order
  return {
    role,
    key: key.blob,
    keyId: order.keyId ?? principals[0] ?? '',
    principals,
    validity: periodOf(order.validity, order.now),
    serial: order.serial ?? randomSerial(),
    ...(criticalOptions === undefined ? {} : { criticalOptions }),
    ...(extensions === undefined || role === 'host' ? {} : { extensions }),
  }
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
