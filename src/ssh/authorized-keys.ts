import { parseNetwork, plainAddress, within } from '../net/ip.js'
import { certifiedKeyType } from './certificate-algorithms.js'
import { matchesPattern } from './pattern-list.js'
import { parsePublicKeyLine, type PublicKey } from './public-key.js'

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
  /** Nothing may be reached through the connection: `no-port-forwarding`, or `restrict` without `port-forwarding` after it. */
  readonly noForwarding?: boolean
}

export type AuthorizedKeyProblem = {
  readonly cause: 'malformed-authorized-key' | 'unknown-option'
  readonly message: string
  readonly hint: string
}

export type ParsedAuthorizedKey =
  | { readonly ok: true; readonly authorized: AuthorizedKey }
  | { readonly ok: false; readonly problem: AuthorizedKeyProblem }

const certificateInstead = "it is a certificate; give its CA's key, with the option cert-authority"

/** Options that only give or take what sshd forwards or runs; they change nothing where there is none of it. */
const harmless = new Set(['agent-forwarding', 'user-rc', 'x11-forwarding'].flatMap((name) => [name, `no-${name}`]))

/**
 * Reads one line of an authorized_keys file, `[options] type base64 [comment]`.
 * An option that is not known may be a restriction, so it is a problem and never ignored.
 */
export function parseAuthorizedKeyLine(line: string): ParsedAuthorizedKey {
  const bare = parsePublicKeyLine(line)
  if (bare.ok && certifiedKeyType(bare.key.type) !== undefined) return malformed(certificateInstead)
  if (bare.ok) return { ok: true, authorized: { key: bare.key, options: { certAuthority: false, restrict: false } } }
  const text = line.trimStart()
  const end = endOfOptions(text)
  if (end === undefined) return malformed('a quotation mark is missing')
  const parsed = parsePublicKeyLine(text.slice(end))
  // What is wrong with a line that has no options is told as it is without them.
  if (!parsed.ok) return malformed(parsed.problem.message)
  if (certifiedKeyType(parsed.key.type) !== undefined) return malformed(certificateInstead)
  const options = parseOptions(text.slice(0, end))
  return 'cause' in options ? { ok: false, problem: options } : { ok: true, authorized: { key: parsed.key, options } }
}

/**
 * Whether `from=` lets a client in: patterns and CIDR networks against its address, patterns against its host name when one is known.
 * A negated pattern that fits either refuses (sshd(8)).
 */
export function fromAllows(patterns: readonly string[], address: string, hostName?: string): boolean {
  const plain = plainAddress(address)
  const fits = (pattern: string): boolean => {
    const network = parseNetwork(pattern)
    if (network !== null) return within([network], plain)
    return matchesPattern(pattern, plain) || (hostName !== undefined && matchesPattern(pattern, hostName))
  }
  if (patterns.some((pattern) => pattern.startsWith('!') && fits(pattern.slice(1)))) return false
  return patterns.some((pattern) => !pattern.startsWith('!') && fits(pattern))
}

/** Where the options end: at the first blank outside quotation marks. */
function endOfOptions(text: string): number | undefined {
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\' && text[i + 1] === '"') i++
    else if (text[i] === '"') quoted = !quoted
    else if (!quoted && /\s/.test(text[i] ?? '')) return i
  }
  return quoted ? undefined : text.length
}

const option = /([A-Za-z0-9-]+)(?:="((?:\\"|[^"])*)")?(?:,|$)/y

function parseOptions(text: string): AuthorizedKeyOptions | AuthorizedKeyProblem {
  let options: AuthorizedKeyOptions = { certAuthority: false, restrict: false }
  const seen = new Set<string>()
  let at = 0
  while (at < text.length) {
    option.lastIndex = at
    const [whole, name, quoted] = option.exec(text) ?? []
    if (whole === undefined || name === undefined)
      return problem('malformed-authorized-key', `its options are malformed at ${JSON.stringify(text.slice(at))}`)
    at += whole.length
    const word = name.toLowerCase()
    const value = quoted?.replaceAll('\\"', '"')
    if (value !== undefined && seen.has(word))
      return problem('malformed-authorized-key', `the option ${word} is given twice`)
    seen.add(word)
    const meaning = meaningOf(word, value)
    if ('cause' in meaning) return meaning
    options = { ...options, ...meaning }
  }
  return options
}

function meaningOf(name: string, value: string | undefined): Partial<AuthorizedKeyOptions> | AuthorizedKeyProblem {
  if (value === undefined) {
    if (name === 'cert-authority') return { certAuthority: true }
    if (name === 'restrict') return { restrict: true, noTerminal: true, noForwarding: true }
    if (name === 'port-forwarding' || name === 'no-port-forwarding') return { noForwarding: name.startsWith('no-') }
    if (name === 'pty' || name === 'no-pty') return { noTerminal: name === 'no-pty' }
    if (harmless.has(name)) return {}
  } else {
    if (name === 'command') return { command: value }
    if (name === 'from' || name === 'principals') {
      const list = value.split(',').map((item) => item.trim())
      if (list.includes('')) return problem('malformed-authorized-key', `the option ${name} has an empty item`)
      // As a pattern it would fit nothing, and negated keep nobody out.
      if (name === 'from' && list.some((item) => item.includes('/') && parseNetwork(item.replace(/^!/, '')) === null))
        return problem('malformed-authorized-key', 'the option from has a network that is malformed, as 10.0.0.1/8 is')
      return { [name]: list }
    }
    if (name === 'expiry-time') {
      const expires = parseExpiry(value)
      return expires === undefined
        ? problem('malformed-authorized-key', 'the option expiry-time is not of the form YYYYMMDD[HHMM[SS]][Z]')
        : { expires }
    }
  }
  return problem('unknown-option', `the option ${name}${value === undefined ? '' : '=…'} is not known here`)
}

/** A time of sshd(8) `expiry-time`: local, or UTC with a `Z`. */
function parseExpiry(text: string): Date | undefined {
  const [, year, month, day, hour = '00', minute = '00', second = '00', utc = ''] =
    /^(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?(Z)?$/.exec(text) ?? []
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}${utc}`)
  return Number.isNaN(time.getTime()) ? undefined : time
}

function problem(cause: AuthorizedKeyProblem['cause'], message: string): AuthorizedKeyProblem {
  return {
    cause,
    message,
    hint: 'options are cert-authority, from="…", principals="…", command="…", expiry-time="…" and restrict, separated by commas',
  }
}

function malformed(why: string): ParsedAuthorizedKey {
  return {
    ok: false,
    problem: {
      cause: 'malformed-authorized-key',
      message: `not a line of authorized_keys: ${why}`,
      hint: 'paste the line of the .pub file, for example `ssh-ed25519 AAAA… comment`, with options before it',
    },
  }
}
