import type { ParsedKey } from 'ssh2'
import type { Certificate } from './certificate.js'
import { generatePrivateKey } from './generate-private-key.js'
import { parsePrivateKey } from './private-key.js'
import { signCertificate, type SigningFailure } from './sign-certificate.js'

export interface EphemeralCertificateRequest {
  readonly principals: readonly string[]
  /** Shown in the log of the server that is logged into. */
  readonly keyId: string
  readonly now: Date
  /** Minutes for which it can be used to log in; sessions last longer. */
  readonly minutes: number
  readonly serial?: bigint
  readonly criticalOptions?: Readonly<Record<string, string>>
  /** What the login may do beside running a command; a terminal and connections to ports when not given. */
  readonly extensions?: readonly string[]
}

export type EphemeralCertificate =
  | { readonly ok: true; readonly privateKey: ParsedKey; readonly certificate: Certificate }
  | { readonly ok: false; readonly failure: SigningFailure }

const MINUTE = 60_000

/** Clocks differ; ssh-keygen begins a certificate that is valid from now a minute ago too. */
const TOLERATED_CLOCK_SKEW = MINUTE

/** What the bridge relays beside NETCONF may ask for a terminal, and for a port of the device's own. */
const EXTENSIONS = ['permit-port-forwarding', 'permit-pty']

/** A fresh Ed25519 key and a user certificate for it, for one login. Neither is ever written anywhere. */
export function makeEphemeralCertificate(
  ca: ParsedKey,
  { principals, keyId, now, minutes, serial, criticalOptions, extensions = EXTENSIONS }: EphemeralCertificateRequest,
): EphemeralCertificate {
  const generated = parsePrivateKey(generatePrivateKey('ed25519', keyId))
  // A key that was made a moment ago can be read, or nothing here works.
  if (!generated.ok) throw new Error(`a new key cannot be read: ${generated.failure.message}`)
  const signed = signCertificate(ca, {
    role: 'user',
    key: generated.key.getPublicSSH(),
    keyId,
    principals,
    validity: { from: new Date(now.getTime() - TOLERATED_CLOCK_SKEW), to: new Date(now.getTime() + minutes * MINUTE) },
    extensions,
    ...(serial === undefined ? {} : { serial }),
    ...(criticalOptions === undefined ? {} : { criticalOptions }),
  })
  return signed.ok ? { ok: true, privateKey: generated.key, certificate: signed.certificate } : signed
}
