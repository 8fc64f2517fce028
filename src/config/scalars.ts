import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { parsePasswordHash } from '../access/authn/password-hash.js'
import { isHostName } from '../net/host-name.js'
import { parseNetwork } from '../net/ip.js'
import { faultOfDeviceId } from '../trust/device-id.js'
import { type Duration, readDuration } from './duration.js'
import type { Environment } from './yaml/environment.js'
import { nearestName } from '../lib/nearest-name.js'
import { readOperationPattern } from './operation-pattern.js'
import { accepted, type ParseResult } from './parse-result.js'
import { scalar } from './section.js'
import { readSize, type Size } from './size.js'

/** Any text that is not empty. */
export function text() {
  return scalar((written): ParseResult<string> => (written === '' ? empty : accepted(written)))
}

/** A whole number within bounds. */
export function integer(least: number, most: number) {
  return scalar((written): ParseResult<number> => {
    const value = /^-?\d+$/.test(written) ? Number(written) : Number.NaN
    return value >= least && value <= most
      ? accepted(value)
      : { ok: false, message: `expected a whole number from ${least} to ${most}` }
  })
}

/** A duration such as `10s`, read as milliseconds. */
export function duration(least: Duration = '1ms', most: Duration = '24h') {
  return scalar((written): ParseResult<number> => readDuration(written, least, most))
}

/** A size such as `64MiB`, read as bytes. */
export function size(least: Size, most: Size = '1TiB') {
  return scalar((written): ParseResult<number> => readSize(written, least, most))
}

/** One of a few words. */
export function oneOf<const Words extends readonly string[]>(...words: Words) {
  return scalar((written): ParseResult<Words[number]> => {
    const word = words.find((known) => known === written)
    if (word !== undefined) return accepted(word)
    const near = nearestName(written, words)
    const hint = near === undefined ? {} : { hint: `did you mean \`${near}\`?` }
    return { ok: false, message: `expected one of ${words.join(', ')}`, ...hint }
  })
}

/** An address or host name to listen on. */
export function listenAddress() {
  return scalar((written): ParseResult<string> => {
    if (isIP(written) !== 0 || isHostName(written)) return accepted(written)
    const hint = written.startsWith('[')
      ? 'write an IPv6 address without brackets'
      : 'for every address of this machine write "::"'
    return { ok: false, message: 'expected an IP address or a host name to listen on', hint }
  })
}

/** An address or host name with a port, such as `10.0.0.1:4350`. */
export interface ListenPlace {
  readonly address: string
  readonly port: number
}

/** An address or host name, with or without a port, to listen on or to be dialled at; port 0 is a free one. */
export function listenPlace(defaultPort: number) {
  return scalar((written): ParseResult<ListenPlace> => {
    const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(written) ?? []
    const address = isIP(written) === 6 ? written : (bracketed ?? plain ?? '')
    const port = digits === undefined || isIP(written) === 6 ? defaultPort : Number(digits)
    const isName = isHostName(address) && !/^\d+$/.test(address)
    const isAddress = bracketed === undefined ? isIP(address) !== 0 || isName : isIP(address) === 6
    if (isAddress && port <= 65_535) return accepted({ address, port })
    return {
      ok: false,
      message: 'expected an address with a port',
      hint: `such as \`10.0.0.1:${defaultPort}\` or \`[2001:db8::1]:${defaultPort}\``,
    }
  })
}

/** A port to listen on, 0 for a free one, or `none` for not listening at all. */
export function portOrNone() {
  return scalar((written): ParseResult<number | 'none'> => {
    if (written === 'none') return accepted('none')
    const port = /^\d+$/.test(written) ? Number(written) : Number.NaN
    return port <= 65_535
      ? accepted(port)
      : { ok: false, message: 'expected a whole number from 0 to 65535, or `none`' }
  })
}

/** `true` or `false`. */
export function yesOrNo() {
  return scalar((written): ParseResult<boolean> => {
    if (written === 'true' || written === 'false') return accepted(written === 'true')
    return { ok: false, message: 'expected `true` or `false`' }
  })
}

/** A host name as clients write it; in lower case, because host names have no case. */
export function hostName() {
  return scalar((written): ParseResult<string> => {
    if (isHostName(written) && isIP(written) === 0) return accepted(written.toLowerCase())
    return { ok: false, message: 'expected a host name', hint: 'without a port; addresses need not be listed' }
  })
}

/** An address or a network in CIDR form. */
export function network() {
  return scalar((written): ParseResult<string> => {
    return parseNetwork(written) !== undefined
      ? accepted(written)
      : { ok: false, message: 'expected an address or a network such as `10.0.0.0/8`' }
  })
}

/** A URL that answers who issued a token: over TLS, or on this machine. */
export function issuerUrl() {
  return secureUrl(
    'over plain HTTP anybody on the way could give keys of their own; it is allowed on the loopback address',
  )
}

/** Where traces are sent; with headers, which are secrets, plain HTTP is for the loopback address alone. */
export function collectorUrl() {
  return scalar((written): ParseResult<string> => {
    const url = URL.canParse(written) ? new URL(written) : undefined
    if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:'))
      return { ok: false, message: 'expected a URL', hint: 'such as http://127.0.0.1:4318/v1/traces' }
    if (url.username !== '' || url.password !== '' || url.hash !== '')
      return { ok: false, message: 'expected a URL without user, password and fragment' }
    return accepted(written)
  })
}

/** Whether a URL says that nobody on the way can read along. */
export function isPrivateUrl(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || LOOPBACK.test(hostname)
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/** A share of a whole. */
export function ratio() {
  return scalar((written): ParseResult<number> => {
    const value = /^\d+(\.\d+)?$/.test(written) ? Number(written) : Number.NaN
    return value <= 1 ? accepted(value) : { ok: false, message: 'expected a number from 0 to 1' }
  })
}

/** Where events are sent. */
export function webhookUrl() {
  return secureUrl('over plain HTTP anybody on the way could read the events; it is allowed on the loopback address')
}

function secureUrl(hint: string) {
  return scalar((written): ParseResult<string> => {
    const url = URL.canParse(written) ? new URL(written) : undefined
    if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:'))
      return { ok: false, message: 'expected an https: URL' }
    if (!isPrivateUrl(written))
      return {
        ok: false,
        message: 'expected an https: URL',
        hint,
      }
    if (url.username !== '' || url.password !== '' || url.hash !== '')
      return { ok: false, message: 'expected a URL without user, password and fragment' }
    return accepted(written)
  })
}

/** A range of ports, `first-last`. */
export function portRange() {
  return scalar((written): ParseResult<{ readonly first: number; readonly last: number }> => {
    const [, first, last] = (/^(\d{1,5})\s*-\s*(\d{1,5})$/.exec(written) ?? []).map(Number)
    if (first === undefined || last === undefined || first < 1 || last > 65_535)
      return { ok: false, message: 'expected a range of ports from 1 to 65535', hint: 'write it as 20000-29999' }
    return last < first ? { ok: false, message: 'the last port is below the first one' } : accepted({ first, last })
  })
}

/** A path relative to `directory`, read as an absolute one. */
export function path(directory: string) {
  return scalar((written): ParseResult<string> => (written === '' ? empty : accepted(resolve(directory, written))))
}

/**
 * The socket of an ssh-agent: a path, or `true` for the one that SSH_AUTH_SOCK names, looked up as `${SSH_AUTH_SOCK}`
 * is.
 */
export function agentSocket(directory: string, environment: Environment) {
  return scalar((written): ParseResult<string> => {
    if (written === '') return empty
    if (written === 'true') return environmentsAgent(directory, environment)
    if (/^(true|false|yes|no|on|off)$/i.test(written)) {
      const hint = 'write `true` for the agent of SSH_AUTH_SOCK, and leave the key out for none'
      return { ok: false, message: 'expected `true` or the path of a socket', hint }
    }
    return accepted(resolve(directory, written))
  })
}

function environmentsAgent(directory: string, environment: Environment): ParseResult<string> {
  const found = environment.lookup('SSH_AUTH_SOCK')
  if (found.kind === 'unreadable')
    return {
      ok: false,
      message: `${found.variable} names a file that cannot be read (${found.code})`,
      hint: found.hint,
    }
  if (found.kind === 'value' && found.value !== '') return accepted(resolve(directory, found.value))
  const hint = 'set it in the environment or in .env, or write the path of the socket instead of `true`'
  return { ok: false, message: 'the environment variable SSH_AUTH_SOCK is not set', hint }
}

/** A name in a certificate; it is compared as it stands, and OpenSSH separates such names by commas and spaces. */
export function principal() {
  return scalar((written): ParseResult<string> => {
    if (written === '') return empty
    if (Buffer.byteLength(written) > 255) return { ok: false, message: 'a name in a certificate has at most 255 bytes' }
    if (/[,\p{C}\p{Z}]/u.test(written)) {
      const message = 'a name in a certificate has no commas, spaces or control characters'
      return { ok: false, message, hint: 'write several as a list: [a, b]' }
    }
    return accepted(written)
  })
}

/** A device id, by the one rule of `trust/device-id`. */
export function deviceId() {
  return scalar((written): ParseResult<string> => {
    const fault = faultOfDeviceId(written)
    if (fault === undefined) return accepted(written)
    return {
      ok: false,
      message: written === '' ? 'is empty' : `a device id ${fault.rule}`,
      ...(fault.why === undefined ? {} : { hint: fault.why }),
    }
  })
}

/** A user name: `@` is allowed in it, because a login name is split at the last one. */
export function userName() {
  return scalar((written): ParseResult<string> => {
    if (written === '') return empty
    if (Buffer.byteLength(written) > 255) return { ok: false, message: 'a user name has at most 255 bytes' }
    if (/[\p{C}\p{Z}]/u.test(written)) return { ok: false, message: 'a user name has no spaces or control characters' }
    return accepted(written)
  })
}

/** What `homeport user hash-password` prints. */
export function passwordHash() {
  return scalar((written): ParseResult<string> => {
    const parsed = parsePasswordHash(written)
    return parsed.ok ? accepted(written) : parsed
  })
}

/** `*` and `?` match a device id; `label=value` matches devices with that label. */
export function deviceSelector() {
  return scalar((written): ParseResult<string> => {
    if (written === '') return empty
    if (written.startsWith('='))
      return { ok: false, message: 'a selector by label lacks the name of the label', hint: 'write `label=value`' }
    return accepted(written)
  })
}

/** `[{namespace-uri}]name[:datastore]` with `*` and `?` in the name. */
export function operationPattern() {
  return scalar(readOperationPattern)
}

const empty = { ok: false, message: 'is empty' } as const
