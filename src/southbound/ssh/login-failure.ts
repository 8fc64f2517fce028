import type { ParsedKey } from 'ssh2'
import { strangerText } from '../../lib/stranger-text.js'
import { validityOf } from '../../ssh/certificate-validity.js'
import { type Certificate, parseCertificate } from '../../ssh/certificate.js'
import { fingerprintOf } from '../../ssh/public-key.js'
import type { LoginMethod } from '../../trust/login-method.js'

/** A step of a login that was offered to the device. */
export interface OfferedStep {
  readonly kind: LoginMethod
  /** Of a key or a certificate. */
  readonly key?: ParsedKey
}

/** How a login went, for who has to find out why it failed. */
export interface LoginRecord {
  readonly username: string
  readonly accepted: readonly OfferedStep[]
  /** Offered, and not accepted. */
  readonly refused: readonly OfferedStep[]
  /** There, and never offered: the device did not list the method. */
  readonly unasked: readonly OfferedStep[]
  /** The methods that the device listed last; undefined where it listed none. */
  readonly asks: readonly string[] | undefined
  /** Whether a key, a certificate or an agent of the credentials could not be used. */
  readonly lacksParts: boolean
}

/**
 * As whom, which steps the device accepted, what it asked for then, and what it was offered: of keys the fingerprint,
 * of certificates also the key id, the principals, the validity and the CA.
 */
export function courseInWords({ username, accepted, refused, asks }: LoginRecord): string {
  const asked = asks === undefined ? undefined : strangerText(asks.join(', '), 200) || 'nothing more'
  const steps =
    accepted.length === 0
      ? asked && `it asks for ${asked}`
      : `it accepted ${listed(accepted)} and then asked for ${asked ?? 'nothing'}`
  const offer =
    refused.length === 0 ? undefined : `offered ${accepted.length === 0 ? 'were' : 'were besides'} ${listed(refused)}`
  return [`as ${JSON.stringify(username)}`, ...[steps, offer].filter((part) => part !== undefined)].join('; ')
}

/**
 * What most likely helps. An SSH server says the same of a wrong key, a wrong principal, a clock that is off and a
 * locked account; what can be told apart here comes first, and then what to look at, in order.
 */
export function hintAfter(record: LoginRecord, now: Date): string {
  const { accepted, refused, unasked, asks, lacksParts } = record
  const first = [
    ...(lacksParts ? ['part of the credentials could not be used, see the line `credentials not used`'] : []),
    ...refused.flatMap((step) => faultsOf(certificateOf(step), record, now)),
  ]
  if (accepted.length > 0)
    return joined([
      ...first,
      `it wants ${asked(asks)} besides: add that to \`credentials\`, or ask for less on the device`,
    ])
  if (!looksAtAny(record))
    return joined([
      ...first,
      `it takes ${asked(asks)} alone, and \`credentials\` have ${kinds([...refused, ...unasked]) || 'nothing'}: ` +
        'give the one, or allow the other on the device',
    ])
  return joined([...first, whereToLook(record)])
}

/** Whether the device takes the method of anything that it was offered: only then it has looked at it. */
export function looksAtAny({ accepted, refused, asks }: LoginRecord): boolean {
  return accepted.length > 0 || refused.some(({ kind }) => asks?.includes(METHODS[kind]) !== false)
}

const METHODS: Readonly<Record<LoginMethod, string>> = {
  certificate: 'publickey',
  key: 'publickey',
  password: 'password',
  'keyboard-interactive': 'keyboard-interactive',
}

function asked(asks: readonly string[] | undefined): string {
  return asks === undefined || asks.length === 0 ? 'something more' : strangerText(asks.join(' or '), 200)
}

function joined(parts: readonly string[]): string {
  return parts.join('; else ')
}

/** What is wrong with a certificate, as far as the bridge can see. */
function faultsOf(certificate: Certificate | undefined, { username }: LoginRecord, now: Date): readonly string[] {
  if (certificate === undefined) return []
  const name = `the certificate ${quoted(certificate.keyId)}`
  const { validFrom, validUntil } = validityOf(certificate)
  const { principals } = certificate
  const limits = certificate.criticalOptions.has('source-address') ? [`${name} is for certain source addresses`] : []
  if (validUntil !== undefined && now >= validUntil)
    return [`${name} has expired: sign the key again, as with \`homeport ca sign-user\`; the new file is read at once`]
  if (validFrom !== undefined && now < validFrom)
    return [`${name} is not valid yet: compare the clocks of the CA and of this machine`]
  if (principals.length === 0) return [`${name} is for nobody: sign the key again with \`-n ${username}\``, ...limits]
  if (principals.includes(username)) return limits
  return [
    `${name} is not for ${quoted(username)}: sign it for that name, or list one of its principals in the ` +
      'AuthorizedPrincipalsFile of the account',
    ...limits,
  ]
}

/** What to look at, in the order in which it is quickest found. */
function whereToLook({ username, refused, unasked, asks }: LoginRecord): string {
  const has = (kind: LoginMethod): boolean => refused.some((step) => step.kind === kind)
  const places = [
    `that the account ${quoted(username)} is there, may log in from here, and is neither locked nor expired`,
    ...(has('certificate')
      ? [
          'that it trusts the CA (TrustedUserCAKeys), that its clock is within the validity, ' +
            'that a principal is the account’s',
        ]
      : []),
    ...(has('key')
      ? [
          'that the key is among the authorized keys of the account, and, where it is RSA and the device is old, ' +
            'whether it takes RSA with SHA-1 alone: `algorithms: { set: legacy, pubkey-accepted-algorithms: ssh-rsa }`',
        ]
      : []),
    ...(has('password') || has('keyboard-interactive') ? ['that the password is right and has not expired'] : []),
    ...(unasked.length === 0 || asks === undefined
      ? []
      : [`whether it should take ${kinds(unasked)}, too, which it does not ask for`]),
  ]
  return `the device does not say why, but its own log does; look in this order: ${places
    .map((place, at) => `(${at + 1}) ${place}`)
    .join('; ')}`
}

const KINDS: Readonly<Record<LoginMethod, string>> = {
  certificate: 'a certificate',
  key: 'a key',
  password: 'a password',
  'keyboard-interactive': 'a password',
}

function kinds(steps: readonly OfferedStep[]): string {
  return [...new Set(steps.map(({ kind }) => KINDS[kind]))].join(' and ')
}

/** More keys than anybody wants to read; an agent may hold any number. */
const MOST_LISTED = 10

function listed(steps: readonly OfferedStep[]): string {
  const names = steps.slice(0, MOST_LISTED).map(nameOf)
  const more = steps.length - MOST_LISTED
  return more > 0 ? `${names.join(', ')} and ${more} more` : names.join(', ')
}

function nameOf(step: OfferedStep): string {
  const { kind, key } = step
  if (kind === 'keyboard-interactive') return 'keyboard-interactive with the same password'
  if (key === undefined) return kind
  const certificate = certificateOf(step)
  if (certificate === undefined) return `publickey ${key.type} ${fingerprintOf(key.getPublicSSH())}`
  const { keyId, principals, ca } = certificate
  return (
    `publickey ${key.type} ${fingerprintOf(certificate.key.blob)} (certificate ${quoted(keyId)} for ` +
    `${principals.slice(0, MOST_LISTED).map(quoted).join(', ') || 'nobody'}, ${validity(certificate)}, ` +
    `signed by ${fingerprintOf(ca.blob)})`
  )
}

function validity(certificate: Certificate): string {
  const { validFrom, validUntil } = validityOf(certificate)
  const bounds = [
    ...(validFrom === undefined ? [] : [`from ${validFrom.toISOString()}`]),
    ...(validUntil === undefined ? [] : [`until ${validUntil.toISOString()}`]),
  ]
  return `valid ${bounds.length === 0 ? 'always' : bounds.join(' ')}`
}

function certificateOf({ kind, key }: OfferedStep): Certificate | undefined {
  if (kind !== 'certificate' || key === undefined) return undefined
  const parsed = parseCertificate(key.getPublicSSH())
  return parsed.ok ? parsed.certificate : undefined
}

function quoted(text: string): string {
  return JSON.stringify(strangerText(text, 100))
}
