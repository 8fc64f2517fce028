import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { strangerText } from '../lib/stranger-text.js'
import { type Certificate, type CertificateRole, parseCertificateLine } from '../ssh/certificate.js'
import { validityOf } from '../ssh/certificate-validity.js'
import type { Config } from './schema.js'
import type { ValuePath } from './yaml/value-path.js'

/** What a certificate is for; the values of the label `what` of `homeport_certificate_expiry_seconds`. */
export const CERTIFICATE_USES = ['login', 'host', 'http', 'client-ca', 'hook-ca'] as const
export type CertificateUse = (typeof CERTIFICATE_USES)[number]

/** A certificate in a file that the configuration names. */
export interface NamedCertificate {
  readonly use: CertificateUse
  /** The key of the configuration. */
  readonly path: ValuePath
  readonly file: string
  /** What tells it from others, for people: its key id, or its subject. */
  readonly name: string
  /** Undefined where it was always valid. */
  readonly validFrom: Date | undefined
  /** Undefined where it never expires. */
  readonly validUntil: Date | undefined
}

/** A file that holds no certificate of the kind that its key wants. */
export interface UselessFile {
  readonly path: ValuePath
  readonly file: string
  readonly message: string
  readonly hint: string
}

export interface FoundCertificates {
  readonly certificates: readonly NamedCertificate[]
  readonly useless: readonly UselessFile[]
}

type NamingConfig = Pick<Config, 'credentials' | 'endpoint' | 'authenticationHook' | 'dataDir'>

/**
 * Reads every certificate that a configuration names: what the bridge logs in with, what it shows to clients, and the
 * CAs that it believes. A file that cannot be read is left out; whoever needs it says so.
 */
export function certificatesNamedIn({
  credentials,
  endpoint: { ssh, http },
  authenticationHook,
  dataDir,
}: NamingConfig): FoundCertificates {
  const ofLogins = [...credentials].map(([name, { certificate }]) =>
    openSsh({ use: 'login', path: ['credentials', name, 'certificate'], file: certificate }, 'user'),
  )
  const ofHost = ssh.hostCertificates.map((file, at) =>
    openSsh({ use: 'host', path: ['endpoint', 'ssh', 'host-certificates', at], file }, 'host'),
  )
  const ofTls = [
    http.selfSigned
      ? pem({ use: 'http', path: ['endpoint', 'http', 'self-signed'], file: join(dataDir, 'http.crt') })
      : pem({ use: 'http', path: ['endpoint', 'http', 'certificate'], file: http.certificate }),
    pem({ use: 'client-ca', path: ['endpoint', 'http', 'client-ca'], file: http.clientCa }),
    pem({ use: 'hook-ca', path: ['authentication-hook', 'ca-file'], file: authenticationHook?.caFile }),
  ]
  const found = [...ofLogins, ...ofHost, ...ofTls]
  return {
    certificates: found.flatMap(({ certificates }) => certificates),
    useless: found.flatMap(({ useless }) => useless),
  }
}

type Place = Pick<NamedCertificate, 'use' | 'path'> & { readonly file: string | undefined }

const NOTHING: FoundCertificates = { certificates: [], useless: [] }

function openSsh({ use, path, file }: Place, role: CertificateRole): FoundCertificates {
  const text = contentOf(file)
  if (file === undefined || text === undefined) return NOTHING
  const parsed = parseCertificateLine(text)
  if (!parsed.ok) return { ...NOTHING, useless: [{ path, file, ...parsed.failure }] }
  const { certificate } = parsed
  if (certificate.role !== role) return { ...NOTHING, useless: [{ path, file, ...WRONG_ROLE[role] }] }
  return { ...NOTHING, certificates: [{ use, path, file, name: nameOf(certificate), ...validityOf(certificate) }] }
}

const WRONG_ROLE: Readonly<Record<CertificateRole, Pick<UselessFile, 'message' | 'hint'>>> = {
  user: {
    message: 'it is a host certificate, by which nobody logs in',
    hint: 'sign the key as a user’s: `ssh-keygen -s CA` without `-h`',
  },
  host: {
    message: 'it is a user certificate, which proves no host',
    hint: 'sign the host key with `ssh-keygen -h -s CA`',
  },
}

function nameOf({ keyId, serial }: Certificate): string {
  return `${JSON.stringify(strangerText(keyId, MOST_OF_A_NAME))}${serial === 0n ? '' : ` (serial ${serial})`}`
}

const MOST_OF_A_NAME = 100

const PEM_BLOCK = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g

function pem({ use, path, file }: Place): FoundCertificates {
  const text = contentOf(file)
  if (file === undefined || text === undefined) return NOTHING
  const certificates = (text.match(PEM_BLOCK) ?? []).flatMap((block): readonly NamedCertificate[] => {
    const parsed = x509Of(block)
    if (parsed === undefined) return []
    const validFrom = new Date(parsed.validFrom)
    const validUntil = new Date(parsed.validTo)
    const name = JSON.stringify(strangerText(parsed.subject.replaceAll('\n', ', '), MOST_OF_A_NAME))
    return [{ use, path, file, name, validFrom, validUntil }]
  })
  return { ...NOTHING, certificates }
}

function x509Of(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block)
  } catch {
    return undefined
  }
}

function contentOf(file: string | undefined): string | undefined {
  try {
    return file === undefined ? undefined : readFileSync(file, 'latin1')
  } catch {
    return undefined
  }
}
