import { isNetwork } from './network-form.js'
import { isKeyType, type PublicKey, readPublicKeyLine } from './public-key-line.js'
import { accepted, type ParseResult } from './parse-result.js'

/** A line of authorized_keys, `[options] type base64 [comment]`: its key, and the line itself for who reads the options. */
export interface AuthorizedKeyLine extends PublicKey {
  readonly line: string
}

const KNOWN =
  'known are from="…", expiry-time="…", cert-authority, principals="…", command="netconf", restrict, and pty, port-forwarding and the like with or without no-'

/**
 * Reads such a line and whether its options are ones that are kept; `ssh/authorized-keys.ts` reads them for good.
 * An option that is not known may be a restriction, so it is an error and never ignored. A test keeps the two readers equal.
 */
export function readAuthorizedKeyLine(written: string): ParseResult<AuthorizedKeyLine> {
  const line = written.trim()
  const end = endOfOptions(line)
  const rest = line.slice(end).trimStart()
  // Without options, what is wrong with the line is what is wrong with a key.
  if (isKeyType(firstWord(line)) || !isKeyType(firstWord(rest))) return withLine(readPublicKeyLine(line), line)
  const problem = problemOfOptions(line.slice(0, end))
  return problem === undefined ? withLine(readPublicKeyLine(rest), line) : { ok: false, ...problem }
}

function withLine(reading: ParseResult<PublicKey>, line: string): ParseResult<AuthorizedKeyLine> {
  return reading.ok ? accepted({ ...reading.value, line }) : reading
}

function firstWord(text: string): string {
  return /^\S*/.exec(text)?.[0] ?? ''
}

/** Where the options end: at the first blank outside quotation marks. */
function endOfOptions(line: string): number {
  return /^(?:\\"|"(?:\\"|[^"])*"|[^\s"])*/.exec(line)?.[0].length ?? 0
}

type Problem = { readonly message: string; readonly hint: string }

function problemOfOptions(text: string): Problem | undefined {
  const option = /([A-Za-z0-9-]+)(?:="((?:\\"|[^"])*)")?(?:,|$)/y
  const seen = new Set<string>()
  while (option.lastIndex < text.length) {
    const [whole, written = '', value] = option.exec(text) ?? []
    if (whole === undefined) return { message: 'the options before the key are malformed', hint: KNOWN }
    const name = written.toLowerCase()
    if (value !== undefined && seen.has(name))
      return { message: `the option \`${name}\` is here twice`, hint: 'write one list: from="10.0.0.0/8,192.0.2.7"' }
    seen.add(name)
    const problem = value === undefined ? problemOfFlag(name) : problemOfValue(name, value.replaceAll('\\"', '"'))
    if (problem !== undefined) return problem
  }
  return undefined
}

const FLAGS = new Set([
  'cert-authority',
  'restrict',
  ...['agent-forwarding', 'port-forwarding', 'pty', 'user-rc', 'x11-forwarding'].flatMap((name) => [
    name,
    `no-${name}`,
  ]),
])

function problemOfFlag(name: string): Problem | undefined {
  return FLAGS.has(name) ? undefined : unknown(name)
}

/** The commands that ask for NETCONF; a test keeps them those of `northbound/ssh/channel-request.ts`. */
const NETCONF = /^\s*(netconf|xml-mode\s+netconf\s+need-trailer)\s*$/

function problemOfValue(name: string, value: string): Problem | undefined {
  switch (name) {
    case 'from':
      return problemOfFrom(value.split(',').map((item) => item.trim().replace(/^!/, '')))
    case 'principals':
      return value.split(',').some((item) => item.trim() === '')
        ? { message: 'the option `principals` has an empty item', hint: 'write principals="a,b"' }
        : undefined
    case 'command':
      return NETCONF.test(value)
        ? undefined
        : {
            message: 'the option `command` names a command that is not run here',
            hint: 'only command="netconf" is, remove the option or use another key',
          }
    case 'expiry-time':
      return isExpiry(value)
        ? undefined
        : { message: 'the option `expiry-time` is no time', hint: 'write YYYYMMDD[HHMM[SS]], with a Z for UTC' }
    default:
      return unknown(name)
  }
}

/** Host names are not looked up, so a pattern of one would fit nothing, and negated keep nobody out. */
function problemOfFrom(patterns: readonly string[]): Problem | undefined {
  const hint = 'write addresses, with * and ?, and networks: from="192.0.2.*,10.0.0.0/8,!10.1.0.0/16,2001:db8::/32"'
  if (patterns.includes('')) return { message: 'the option `from` has an empty item', hint }
  if (patterns.some((pattern) => pattern.includes('/') && !isNetwork(pattern)))
    return { message: 'the option `from` has a malformed network, such as 10.0.0.1/8 with bits behind the mask', hint }
  if (patterns.some((pattern) => !/^[0-9A-Fa-f.:*?/]+$/.test(pattern)))
    return { message: 'the option `from` has a host name, and none is looked up here', hint }
  return undefined
}

function isExpiry(text: string): boolean {
  const [, year, month, day, hour = '00', minute = '00', second = '00', utc = ''] =
    /^(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?(Z)?$/.exec(text) ?? []
  return !Number.isNaN(Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${utc}`))
}

/** Options of sshd(8) that are not kept here; other words are not shown, they may be the remains of something else. */
const NOT_KEPT = ['environment', 'permitlisten', 'permitopen', 'tunnel', 'no-touch-required', 'verify-required']

function unknown(name: string): Problem {
  const shown = [...FLAGS, ...NOT_KEPT, 'from', 'command', 'principals', 'expiry-time'].includes(name)
  const which = shown ? `the option \`${name}\`` : 'an option'
  return { message: `${which} before the key is not known in this form, so it could not be kept`, hint: KNOWN }
}
