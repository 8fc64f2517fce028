import { createHmac, randomBytes } from 'node:crypto'
import { matchesGlob } from '../lib/glob.js'
import { patternListFits } from './pattern-list.js'
import { parsePublicKeyLine, type PublicKey, publicKeyLine } from './public-key.js'

/** One line of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export interface KnownHost {
  /** 1 for the first line. */
  readonly line: number
  /** `cert-authority`: the key signs host certificates. `revoked`: the key, as host or CA, must never be accepted. */
  readonly marker?: 'cert-authority' | 'revoked'
  readonly hosts: HostNames
  readonly key: PublicKey
}

/** Patterns with `*`, `?` and `!`, or one hashed name. */
export type HostNames =
  | { readonly form: 'patterns'; readonly patterns: readonly string[] }
  | { readonly form: 'hashed'; readonly salt: Buffer; readonly hash: Buffer }

export type KnownHostsFailure = {
  readonly reason: 'malformed-known-hosts-line'
  readonly line: number
  readonly message: string
  readonly hint: string
}

export interface KnownHosts {
  readonly entries: readonly KnownHost[]
  /** Lines that could not be read; the others hold all the same. */
  readonly problems: readonly KnownHostsFailure[]
}

/** Bytes of the SHA-1 HMAC of a hashed name, and of its salt. */
const HASH_SIZE = 20

const STANDARD_PORT = 22

/** Reads the text of a known_hosts file. Never throws; what cannot be read is told in `problems`. */
export function parseKnownHosts(text: string): KnownHosts {
  const entries: KnownHost[] = []
  const problems: KnownHostsFailure[] = []
  for (const [index, content] of text.split('\n').entries()) {
    const line = index + 1
    const trimmed = content.trim()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const parsed = parseLine(trimmed, line)
    if ('reason' in parsed) problems.push(parsed)
    else entries.push(parsed)
  }
  return { entries, problems }
}

/**
 * The entries for a host. With a port other than 22 these are the ones for `[name]:port`; where none names the port,
 * those for the bare name, as OpenSSH falls back to. Revoked keys of the bare name are always among them.
 */
export function entriesFor(
  entries: readonly KnownHost[],
  name: string,
  port: number = STANDARD_PORT,
): readonly KnownHost[] {
  const bare = entries.filter(({ hosts }) => namesHost(hosts, name))
  if (port === STANDARD_PORT) return bare
  const withPort = entries.filter(({ hosts }) => namesHost(hosts, hostWithPort(name, port)))
  if (withPort.length === 0) return bare
  return [...withPort, ...bare.filter((entry) => entry.marker === 'revoked' && !withPort.includes(entry))]
}

/** How known_hosts names a host on a port: `[name]:port`, or the name alone on port 22. */
export function hostWithPort(name: string, port: number): string {
  return port === STANDARD_PORT ? name : `[${name}]:${port}`
}

/** Whether the names of an entry fit a host, given as `name` or `[name]:port`. */
export function namesHost(hosts: HostNames, host: string): boolean {
  if (hosts.form === 'patterns') return patternListFits(hosts.patterns, (pattern) => matchesGlob(pattern, host))
  return hashOf(host, hosts.salt).equals(hosts.hash)
}

/** The line for a key of hosts, each given as `name`, `[name]:port` or a pattern. */
export function knownHostsLine(
  hosts: readonly string[],
  key: Pick<PublicKey, 'type' | 'blob'>,
  marker?: KnownHost['marker'],
): string {
  return `${marker === undefined ? '' : `@${marker} `}${hosts.join(',')} ${publicKeyLine(key)}`
}

/** The line with the host's name hashed, as with `HashKnownHosts yes`: who reads the file does not learn the names. */
export function hashedKnownHostsLine(
  host: string,
  key: Pick<PublicKey, 'type' | 'blob'>,
  salt: Buffer = randomBytes(HASH_SIZE),
): string {
  return `|1|${salt.toString('base64')}|${hashOf(host, salt).toString('base64')} ${publicKeyLine(key)}`
}

function hashOf(host: string, salt: Buffer): Buffer {
  return createHmac('sha1', salt).update(host.toLowerCase()).digest()
}

function parseLine(text: string, line: number): KnownHost | KnownHostsFailure {
  const [, marker, names, keyText] = /^(?:@(\S*)\s+)?(\S+)\s+(.+)$/.exec(text) ?? []
  if (names === undefined || keyText === undefined) return malformed(line, 'it is not of the form `hosts type base64`')
  if (marker !== undefined && marker !== 'cert-authority' && marker !== 'revoked')
    return malformed(line, `@${marker} is no marker`)
  const hosts = parseNames(names)
  if (hosts === undefined) return malformed(line, 'its hashed name is not of the form |1|salt|hash')
  const parsed = parsePublicKeyLine(keyText)
  if (!parsed.ok) return malformed(line, parsed.failure.message)
  return { line, ...(marker === undefined ? {} : { marker }), hosts, key: parsed.key }
}

function parseNames(names: string): HostNames | undefined {
  if (!names.startsWith('|')) return { form: 'patterns', patterns: names.split(',').filter((name) => name !== '') }
  const [, salt, hash] = /^\|1\|([A-Za-z0-9+/=]+)\|([A-Za-z0-9+/=]+)$/.exec(names) ?? []
  if (salt === undefined || hash === undefined) return undefined
  const hashed = { salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') }
  return hashed.salt.length === HASH_SIZE && hashed.hash.length === HASH_SIZE
    ? { form: 'hashed', ...hashed }
    : undefined
}

function malformed(line: number, why: string): KnownHostsFailure {
  return {
    reason: 'malformed-known-hosts-line',
    line,
    message: `line ${line} is not a known_hosts line: ${why}`,
    hint: 'write `name ssh-ed25519 AAAA…`, or `@cert-authority *.example.net ssh-ed25519 AAAA…` for a CA',
  }
}
