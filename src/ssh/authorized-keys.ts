import { matchesGlob } from '../lib/glob.js'
import { parseExactNetwork, plainAddress } from '../net/ip.js'
import { networkListOf } from '../net/network-list.js'
import { certifiedKeyType } from './certificate-algorithms.js'
import { patternListFits } from './pattern-list.js'
import { isPlainKeyType, parsePlainKeyLine, type PublicKey, type PublicKeyFailure } from './public-key.js'

/** One line of an authorized_keys file (sshd(8), AUTHORIZED_KEYS FILE FORMAT). */
export interface AuthorizedKey {
  readonly key: PublicKey
  readonly options: AuthorizedKeyOptions
}

export interface AuthorizedKeyOptions {
  /** The key is a CA: it vouches for certificates, and is no login of its own. */
  readonly certAuthority: boolean
  /** Patterns of where the key may be used from. */
  readonly from?: readonly string[]
  /** The only command that the key may run. */
  readonly command?: string
  /** With `certAuthority`: principals that will do; without, the user's own name. */
  readonly principals?: readonly string[]
  /** From then on the key does not count. */
  readonly expires?: Date
  /** Forwarding, terminals and the like are off, but for what is allowed after it. */
  readonly restrict: boolean
  /** No terminal may be had: `no-pty`, or `restrict` without `pty` after it. */
  readonly noTerminal?: boolean
  /**
   * Nothing may be reached through the connection: `no-port-forwarding`, or `restrict` without `port-forwarding` after
   * it.
   */
  readonly noForwarding?: boolean
}

/**
 * Why a line is none of authorized_keys, or asks what nobody could keep. The message holds no word of the line, it may
 * be a secret.
 */
export interface AuthorizedKeyFailure {
  readonly reason:
    | Exclude<PublicKeyFailure['reason'], 'malformed-key-line'>
    | 'malformed-authorized-key'
    | 'unknown-option'
  readonly message: string
  readonly hint: string
}

export type ParsedAuthorizedKey =
  | { readonly ok: true; readonly authorized: AuthorizedKey }
  | { readonly ok: false; readonly failure: AuthorizedKeyFailure }

/**
 * Reads one line of an authorized_keys file, `[options] type base64 [comment]`.
 * An option that is not known may be a restriction, so it is a problem and never ignored.
 */
export function parseAuthorizedKeyLine(written: string): ParsedAuthorizedKey {
  const line = written.trim()
  const end = endOfOptions(line)
  const rest = line.slice(end).trimStart()
  const [optionsOrType, type] = [firstWord(line), firstWord(rest)]
  if (certifiedKeyType(type) !== undefined) return withOptions(rest, NO_OPTIONS)
  // Without options, what is wrong with the line is what is wrong with a key.
  if (isPlainKeyType(optionsOrType) || !isPlainKeyType(type)) return withOptions(line, NO_OPTIONS)
  const options = parseOptions(line.slice(0, end))
  return 'reason' in options ? { ok: false, failure: options } : withOptions(rest, options)
}

/**
 * Whether `from=` lets a client in: patterns and CIDR networks against its address, patterns against its host name when
 * one is known. A negated pattern that fits either refuses (sshd(8)).
 */
export function fromAllows(patterns: readonly string[], address: string, hostName?: string): boolean {
  const plain = plainAddress(address)
  const fits = (pattern: string): boolean => {
    const network = parseExactNetwork(pattern)
    if (network !== undefined) return networkListOf([network])(plain)
    return matchesGlob(pattern, plain) || (hostName !== undefined && matchesGlob(pattern, hostName))
  }
  return patternListFits(patterns, fits)
}

const NO_OPTIONS: AuthorizedKeyOptions = { certAuthority: false, restrict: false }

function withOptions(keyLine: string, options: AuthorizedKeyOptions): ParsedAuthorizedKey {
  const parsed = parsePlainKeyLine(keyLine)
  if (parsed.ok) return { ok: true, authorized: { key: parsed.key, options } }
  const { reason: cause, ...words } = parsed.failure
  return {
    ok: false,
    failure: { reason: cause === 'malformed-key-line' ? 'malformed-authorized-key' : cause, ...words },
  }
}

function firstWord(text: string): string {
  return /^\S*/.exec(text)?.[0] ?? ''
}

/** Where the options end: at the first blank outside quotation marks. */
function endOfOptions(line: string): number {
  return /^(?:\\"|"(?:\\"|[^"])*"|[^\s"])*/.exec(line)?.[0].length ?? 0
}

function parseOptions(text: string): AuthorizedKeyOptions | AuthorizedKeyFailure {
  const option = /([A-Za-z0-9-]+)(?:="((?:\\"|[^"])*)")?(?:,|$)/y
  let options = NO_OPTIONS
  const seen = new Set<string>()
  while (option.lastIndex < text.length) {
    const [whole, written = '', quoted] = option.exec(text) ?? []
    if (whole === undefined) return malformed('the options before the key are malformed', KNOWN)
    const name = written.toLowerCase()
    if (quoted !== undefined && seen.has(name))
      return malformed(`the option \`${name}\` is here twice`, 'write one list: from="10.0.0.0/8,192.0.2.7"')
    seen.add(name)
    const meaning = quoted === undefined ? meaningOfFlag(name) : meaningOfValue(name, quoted.replaceAll('\\"', '"'))
    if ('reason' in meaning) return meaning
    options = { ...options, ...meaning }
  }
  return options
}

type Meaning = Partial<AuthorizedKeyOptions> | AuthorizedKeyFailure

/** Options that only give or take what sshd forwards or runs; they change nothing where there is none of it. */
const HARMLESS = ['agent-forwarding', 'user-rc', 'x11-forwarding'].flatMap((name) => [name, `no-${name}`])

function meaningOfFlag(name: string): Meaning {
  if (name === 'cert-authority') return { certAuthority: true }
  if (name === 'restrict') return { restrict: true, noTerminal: true, noForwarding: true }
  if (name === 'port-forwarding' || name === 'no-port-forwarding') return { noForwarding: name.startsWith('no-') }
  if (name === 'pty' || name === 'no-pty') return { noTerminal: name === 'no-pty' }
  return HARMLESS.includes(name) ? {} : unknownOption(name)
}

function meaningOfValue(name: string, value: string): Meaning {
  switch (name) {
    case 'command':
      return { command: value }
    case 'from':
      return meaningOfFrom(itemsOf(value))
    case 'principals': {
      const principals = itemsOf(value)
      return principals.includes('')
        ? malformed('the option `principals` has an empty item', 'write principals="a,b"')
        : { principals }
    }
    case 'expiry-time': {
      const expires = parseExpiry(value)
      return expires === undefined
        ? malformed('the option `expiry-time` is no time', 'write YYYYMMDD[HHMM[SS]], with a Z for UTC')
        : { expires }
    }
    default:
      return unknownOption(name)
  }
}

/** How `from="…"` is written. */
export const FROM_HINT =
  'write addresses, with * and ?, and networks: from="192.0.2.*,10.0.0.0/8,!10.1.0.0/16,2001:db8::/32"'

function meaningOfFrom(from: readonly string[]): Meaning {
  const patterns = from.map(withoutNegation)
  if (patterns.includes('')) return malformed('the option `from` has an empty item', FROM_HINT)
  // As a pattern it would fit nothing, and negated keep nobody out.
  if (patterns.some((pattern) => pattern.includes('/') && parseExactNetwork(pattern) === undefined))
    return malformed(
      'the option `from` has a malformed network, such as 10.0.0.1/8 with bits behind the mask',
      FROM_HINT,
    )
  return { from }
}

function itemsOf(list: string): readonly string[] {
  return list.split(',').map((item) => item.trim())
}

function withoutNegation(pattern: string): string {
  return pattern.replace(/^!/, '')
}

/** A time of sshd(8) `expiry-time`: local, or UTC with a `Z`. */
function parseExpiry(text: string): Date | undefined {
  const [, year, month, day, hour = '00', minute = '00', second = '00', utc = ''] =
    /^(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?(Z)?$/.exec(text) ?? []
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}${utc}`)
  return Number.isNaN(time.getTime()) ? undefined : time
}

const KNOWN =
  'known are from="…", expiry-time="…", cert-authority, principals="…", ' +
  'command="netconf", restrict, and pty, port-forwarding and the like with or without no-'

/** Options of sshd(8) that may be named in a message; another word is not shown, it may be the rest of a secret. */
const NAMED: readonly string[] = [
  ...HARMLESS,
  'cert-authority',
  'command',
  'environment',
  'expiry-time',
  'from',
  'no-port-forwarding',
  'no-pty',
  'no-touch-required',
  'permitlisten',
  'permitopen',
  'port-forwarding',
  'principals',
  'pty',
  'restrict',
  'tunnel',
  'verify-required',
]

function unknownOption(name: string): AuthorizedKeyFailure {
  const which = NAMED.includes(name) ? `the option \`${name}\`` : 'an option'
  return {
    reason: 'unknown-option',
    message: `${which} before the key is not known in this form, so it could not be kept`,
    hint: KNOWN,
  }
}

function malformed(message: string, hint: string): AuthorizedKeyFailure {
  return { reason: 'malformed-authorized-key', message, hint }
}
